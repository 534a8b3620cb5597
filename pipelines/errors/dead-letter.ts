import { messageOf } from '../../core/base/errors.ts'
import type { Header } from '../../core/record/header.ts'
import type { FailedRecord } from './on-error.ts'
import type { ErrorPolicy } from './policy.ts'

/** Headers of Kafka Streams' dead letters (KIP-1034), as text. */
const STREAMS = '__streams.errors.'
/** What we say beyond that. */
const OWN = '__moldau.errors.'
/** Of a stack, in bytes: a dead letter should fit wherever its record did. */
const STACK_BYTES_MAX = 8 * 1024
const MESSAGE_BYTES_MAX = 2 * 1024

/** What a dead letter says about its record. */
export interface DeadLetterOrigin {
  /** The error's class. */
  readonly exception: string
  readonly message: string
  readonly stacktrace: string
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly timestamp: number
  readonly operator: string
  readonly pipeline: string
  readonly application: string
  readonly version: string | undefined
}

/** The headers of a dead letter: those of the record, and where and why it failed. */
export function deadLetterHeaders(error: unknown, record: FailedRecord, policy: ErrorPolicy): Header[] {
  const { topic, partition, offset, timestamp, operator } = record
  const stack = error instanceof Error ? (error.stack ?? '') : ''
  const headers = [
    ...withoutOrigin(record.headers),
    header(`${STREAMS}exception`, classOf(error)),
    header(`${STREAMS}message`, cut(messageOf(error), MESSAGE_BYTES_MAX)),
    header(`${STREAMS}stacktrace`, cut(stack, STACK_BYTES_MAX)),
    header(`${STREAMS}topic`, topic),
    header(`${STREAMS}partition`, String(partition)),
    header(`${STREAMS}offset`, String(offset)),
    header(`${OWN}timestamp`, String(timestamp)),
    header(`${OWN}operator`, operator),
    header(`${OWN}pipeline`, policy.pipeline),
    header(`${OWN}application`, policy.application),
  ]
  if (policy.codeVersion !== undefined) headers.push(header(`${OWN}version`, policy.codeVersion))
  return headers
}

/** Of a dead letter of ours or of Kafka Streams; undefined when the record is none. */
export function originOf(headers: readonly Header[], timestamp: number): DeadLetterOrigin | undefined {
  const text = (key: string): string | undefined => headers.findLast((each) => each.key === key)?.value?.toString()
  const topic = text(`${STREAMS}topic`)
  const [partition, offset] = [Number(text(`${STREAMS}partition`)), Number(text(`${STREAMS}offset`))]
  if (topic === undefined || !Number.isInteger(partition) || !Number.isInteger(offset)) return undefined
  return {
    exception: text(`${STREAMS}exception`) ?? '',
    message: text(`${STREAMS}message`) ?? '',
    stacktrace: text(`${STREAMS}stacktrace`) ?? '',
    topic,
    partition,
    offset,
    timestamp: Number(text(`${OWN}timestamp`) ?? timestamp),
    operator: text(`${OWN}operator`) ?? '',
    pipeline: text(`${OWN}pipeline`) ?? '',
    application: text(`${OWN}application`) ?? '',
    version: text(`${OWN}version`),
  }
}

/** The headers that the record had before it became a dead letter. */
export function withoutOrigin(headers: readonly Header[]): Header[] {
  return headers.filter(({ key }) => !key.startsWith(STREAMS) && !key.startsWith(OWN))
}

function header(key: string, value: string): Header {
  return { key, value: Buffer.from(value) }
}

function classOf(error: unknown): string {
  return error instanceof Error ? error.constructor.name : typeof error
}

function cut(text: string, bytesMax: number): string {
  const bytes = Buffer.from(text)
  return bytes.length <= bytesMax ? text : `${bytes.subarray(0, bytesMax).toString()}…`
}
