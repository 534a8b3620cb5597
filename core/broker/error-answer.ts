import type { Api } from '../protocol/api.ts'
import { errorCode, type KafkaErrorName } from '../protocol/errors.ts'
import { Fetch } from '../protocol/messages/fetch.ts'
import type { FieldSchema, NamedField } from '../protocol/schema.ts'
import { includes } from '../protocol/versions.ts'

type Body = Record<string, unknown>

interface Refusal {
  readonly version: number
  readonly code: number
  readonly message: string | undefined
}

/** Errors of a fetch that are the session's and not a partition's. */
const ofSession: ReadonlySet<KafkaErrorName> = new Set([
  'FETCH_SESSION_ID_NOT_FOUND',
  'INVALID_FETCH_SESSION_EPOCH',
  'FETCH_SESSION_TOPIC_ID_ERROR',
])

/** Numbers that Kafka answers as -1 when there is nothing to tell. */
const unknowns: ReadonlySet<string> = new Set([
  'nodeId',
  'port',
  'baseOffset',
  'offset',
  'endOffset',
  'committedOffset',
  'highWatermark',
  'lowWatermark',
])

/** One thing, called differently in a request and in its response. */
const aliases: Readonly<Record<string, readonly string[]>> = {
  partitionIndex: ['partition', 'index'],
  partition: ['partitionIndex'],
  name: ['topic'],
  topic: ['name'],
  topicName: ['name', 'topic'],
}

/**
 * The response that refuses a request as a whole, as Kafka's `getErrorResponse`: the code stands in every place that clients look for it in,
 * which is the response itself where it has one, otherwise each topic, partition, group or resource that was asked for.
 * Undefined for a call whose response has no place for an error.
 */
export function errorAnswer(api: Api, version: number, request: unknown, error: KafkaErrorName, message?: string): Body | undefined {
  const refusal = { version, code: errorCode(error), message }
  const nested = api.key === Fetch.key && !ofSession.has(error)
  const fields = nested ? api.response.fields.filter((field) => !isCode(field)) : api.response.fields
  return hasCode(fields, version) ? refused(fields, request, refusal, false) : undefined
}

/** Puts the code into an answer that lists topics, as Metadata does, and takes away what else it says of them. */
export function refuseTopics(answer: Body, error: KafkaErrorName): Body {
  for (const topic of answer['topics'] as Body[]) Object.assign(topic, { errorCode: errorCode(error), partitions: [] })
  return answer
}

/** @param isItem one of the things that were asked for, which is named again: Kafka repeats nothing of the request itself */
function refused(fields: readonly NamedField[], asked: unknown, refusal: Refusal, isItem: boolean): Body {
  const ownCode = fields.some((field) => isCode(field) && includes(field.versions, refusal.version))
  const body: Body = {}
  let keyless = typeof asked !== 'object'
  for (const field of fields) {
    const { name, kind, versions, element } = field
    if (!includes(versions, refusal.version)) {
      if (!field.optional) body[name] = field.default
    } else if (isCode(field)) {
      body[name] = refusal.code
    } else if (name === 'errorMessage') {
      body[name] = refusal.message ?? null
    } else if (kind === 'array') {
      body[name] =
        ownCode || !hasCodeInside(field, refusal.version) ? [] : listOf(asked).map((item) => refused(element!.fields, item, refusal, true))
    } else if (keyless && typeof asked === typeof field.default) {
      // A list of plain names or numbers: the first field that fits is what they are.
      body[name] = asked
      keyless = false
    } else {
      const copied = isItem ? scalarOf(asked, field) : undefined
      if (copied !== undefined) body[name] = copied
      else if (unknowns.has(name)) body[name] = -1
      else if (!field.optional) body[name] = field.default
    }
  }
  return body
}

/** What is asked about: the first list that is not empty. */
function listOf(asked: unknown): readonly unknown[] {
  if (typeof asked !== 'object' || asked === null) return []
  return Object.values(asked).find((value): value is unknown[] => Array.isArray(value) && value.length > 0) ?? []
}

function scalarOf(asked: unknown, { name, kind }: NamedField): unknown {
  if (kind === 'struct' || typeof asked !== 'object' || asked === null) return undefined
  const item = asked as Body
  for (const alias of [name, ...(aliases[name] ?? [])]) {
    const value = item[alias]
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value
  }
  return undefined
}

/** `topicConfigErrorCode` and the like say something else. */
function isCode({ name }: NamedField): boolean {
  return name === 'errorCode' || name === 'partitionErrorCode'
}

function hasCode(fields: readonly NamedField[], version: number): boolean {
  return fields.some((field) => includes(field.versions, version) && (isCode(field) || hasCodeInside(field, version)))
}

function hasCodeInside({ kind, element }: FieldSchema, version: number): boolean {
  return kind === 'array' && hasCode(element!.fields, version)
}
