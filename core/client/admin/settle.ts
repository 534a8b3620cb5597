import { MoldauError } from '../../base/errors.ts'
import type { Cluster } from '../../cluster/cluster.ts'
import type { BrokerConnection } from '../../cluster/connection.ts'
import { isRetriableError } from '../../cluster/retry.ts'
import { errorName, KafkaError, kafkaError } from '../../protocol/errors.ts'
import type { KafkaErrorName } from '../../protocol/errors.ts'
import { check, listOf } from '../checks.ts'
import type { Check } from '../checks.ts'
import { OpenItems } from './open-items.ts'

/** What one broker says of one thing. Without an error code it went well. */
export interface Answer<T> {
  name: string
  errorCode?: number
  /** What the broker says about the error. */
  errorMessage?: string | null
  /** An error of our own in place of the broker's: the thing cannot be asked for. */
  error?: MoldauError
  value?: T
}

/** Things that one broker is to be asked for. */
export interface Part<Item> {
  connect: () => Promise<BrokerConnection>
  items: readonly Item[]
}

export interface Placement<Item> {
  parts: Part<Item>[]
  /** Things that no broker can be asked for, or not now. */
  failed?: { item: Item; error: MoldauError }[]
}

/** @param again the attempt before failed for these: what is known of their brokers may be old */
export type Place<Item> = (items: readonly Item[], again: boolean) => Promise<Placement<Item>>

/** A call for many things, which may belong to different brokers. */
export interface Question<Item, T> {
  /** What is being done to each, for messages: `create topic`. */
  what: string
  items: readonly Item[]
  /** What each of them may be. */
  each: Check
  /** Tells things apart, and names them in messages. The same twice is asked for once; two different things of one name are INVALID_ARGUMENT. */
  nameOf: (item: Item) => string
  /** For everything together. */
  timeoutMs: number
  /** Which brokers to ask: called for every attempt, with what is still open. */
  place: Place<Item>
  /** One request, or several where the version of the broker takes one thing at a time. @param timeoutMs for the field of that name in the request */
  ask: (connection: BrokerConnection, items: readonly Item[], timeoutMs: number) => Promise<Answer<T>[]>
  /** Which errors of the protocol are worth another attempt; default {@link isWorthRetrying}. */
  retries?: (error: KafkaError) => boolean
}

/** Kafka calls these retriable, but they are the answer to the question, or what was asked for is under way. */
const answers: ReadonlySet<KafkaErrorName> = new Set([
  'UNKNOWN_TOPIC_OR_PARTITION',
  'UNKNOWN_TOPIC_ID',
  'ELECTION_NOT_NEEDED',
  'PREFERRED_LEADER_NOT_AVAILABLE',
  'ELIGIBLE_LEADERS_NOT_AVAILABLE',
  'REQUEST_TIMED_OUT',
])

export function isWorthRetrying(error: KafkaError): boolean {
  return error.retriable && !answers.has(error.kafkaCode)
}

/** Leaders that are new may not have heard of a topic yet; whether it exists is known from the metadata. */
export function isWorthAskingLeaders(error: KafkaError): boolean {
  return error.kafkaCode === 'UNKNOWN_TOPIC_OR_PARTITION' || isWorthRetrying(error)
}

/**
 * Asks the brokers that know about each thing, all at the same time, and again for what has moved or was not answered. The results come in the
 * order of the things.
 *
 * @throws MoldauError INVALID_ARGUMENT naming the field, before anything is asked; AdminError with an error for each thing that failed, when one has
 */
export async function settle<Item, T>(cluster: Cluster, question: Question<Item, T>): Promise<T[]> {
  const { what, items, each, nameOf, timeoutMs, place } = question
  check(what, 'items', items, listOf(each))
  const open = new OpenItems<Item, T>(what, items, nameOf)
  const deadline = cluster.clock.monotonic() + timeoutMs
  let again = false
  const attempt = async (): Promise<void> => {
    const { parts, failed = [] } = await place(open.items, again)
    again = true
    for (const { item, error } of failed) refuse(open, question, nameOf(item), error)
    const left = Math.max(1, Math.min(cluster.requestTimeoutMs, Math.floor(deadline - cluster.clock.monotonic())))
    await Promise.all(parts.map((part) => askPart(open, question, part, left)))
    if (open.items.length > 0) throw new MoldauError('PROTOCOL', `${what}: not done yet`, { cause: open.lastError, retriable: true })
  }
  try {
    if (items.length > 0) await cluster.retry({ what, timeoutMs }, attempt)
  } catch (error) {
    if (!(error instanceof MoldauError)) throw error
    open.giveUp(error, timeoutMs)
  }
  return open.results()
}

async function askPart<Item, T>(open: OpenItems<Item, T>, question: Question<Item, T>, part: Part<Item>, timeoutMs: number): Promise<void> {
  let asked = false
  try {
    const connection = await part.connect()
    asked = true
    const found = new Map((await question.ask(connection, part.items, timeoutMs)).map((answer) => [answer.name, answer]))
    for (const item of part.items) take(open, question, question.nameOf(item), found.get(question.nameOf(item)))
  } catch (error) {
    if (!(error instanceof MoldauError)) throw error
    // It may have been done before the connection ended.
    const unanswered = asked && (error.code === 'CONNECTION_LOST' || error.code === 'TIMEOUT')
    for (const item of part.items) refuse(open, question, question.nameOf(item), error, unanswered)
  }
}

function take<Item, T>(open: OpenItems<Item, T>, question: Question<Item, T>, name: string, answer: Answer<T> | undefined): void {
  const thing = `${question.what} '${name}'`
  if (answer === undefined) open.fail(name, kafkaError('UNKNOWN_SERVER_ERROR', `${thing}: the broker said nothing about it`))
  else if (answer.error !== undefined) refuse(open, question, name, answer.error)
  else if (answer.errorCode === undefined || answer.errorCode === 0) open.done(name, answer.value as T)
  else {
    const detail = answer.errorMessage ? `${thing}: ${answer.errorMessage}` : thing
    refuse(open, question, name, kafkaError(errorName(answer.errorCode), detail))
  }
}

function refuse<Item, T>(
  open: OpenItems<Item, T>,
  { retries = isWorthRetrying }: Question<Item, T>,
  name: string,
  error: MoldauError,
  unanswered = false,
): void {
  const again = error instanceof KafkaError ? retries(error) : isRetriableError(error)
  if (again) open.postpone(name, error, unanswered)
  else open.fail(name, error)
}
