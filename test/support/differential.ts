import type { Channel } from '../../core/net/channel.ts'
import type { Api } from '../../core/protocol/api.ts'
import { errorCode, errorName } from '../../core/protocol/errors.ts'
import { DescribeTransactions } from '../../core/protocol/messages/describe-transactions.ts'
import { InitProducerId } from '../../core/protocol/messages/init-producer-id.ts'
import { DeleteTopics } from '../../core/protocol/messages/delete-topics.ts'
import { FindCoordinator } from '../../core/protocol/messages/find-coordinator.ts'
import { Metadata } from '../../core/protocol/messages/metadata.ts'

/** One broker under comparison, and what it has called things. */
export interface Side {
  readonly channel: Channel
  /** Topic ids by name, as far as it has told them. */
  readonly ids: Map<string, string>
}

/** One request, made for each side from the same numbers. */
export interface Step {
  readonly api: Api
  readonly version: number
  /** A step that changes nothing may be asked again: a real Kafka sees its own changes a little later. */
  readonly reads: boolean
  body(side: Side): object
}

/** A field that is not the same: where in the answer, and what each side said. */
export interface Difference {
  readonly api: string
  readonly version: number
  readonly path: string
  readonly ours: unknown
  readonly theirs: unknown
}

/** Fields that cannot be the same on two brokers: names, places, times and texts. */
const OWN = new Set([
  'clusterId',
  'port',
  'topicId',
  'errorMessage',
  'batchIndexErrorMessage',
  'throttleTimeMs',
  'logDir',
  'totalBytes',
  'usableBytes',
  'logAppendTimeMs',
  'documentation',
  'finalizedFeaturesEpoch',
  'replicaDirectoryId',
  'producerId',
])

/** Lists without an order of their own, and what their entries are found by. */
const KEYS = [
  'name',
  'transactionalId',
  'entityType',
  'topic',
  'topicName',
  'resourceName',
  'partitionIndex',
  'partition',
  'index',
  'apiKey',
  'key',
  'entity',
]

/** Settings of topics that Kafka 4.3 does not have: one of before 4.0, which we serve too, and one of 4.4. */
export const OTHER_VERSIONS = new Set(['message.downconversion.enable', 'max.decompressed.message.bytes'])

function isOfOtherVersion(item: unknown): boolean {
  return isObject(item) && typeof item['name'] === 'string' && OTHER_VERSIONS.has(item['name'])
}

/** Everything about an answer that must be the same. */
export function comparable(value: unknown): unknown {
  if (Buffer.isBuffer(value)) return value.toString('hex')
  if (Array.isArray(value)) {
    const items = value.map(comparable).filter((item) => !isOfOtherVersion(item))
    const key = KEYS.find((name) => items.every((item) => typeof item === 'object' && item !== null && name in item))
    if (key === undefined) return items
    const found = (item: unknown): string => {
      const entry = item as Record<string, unknown>
      return JSON.stringify([entry[key], entry['resourceType'] ?? '', entry['source'] ?? ''])
    }
    // Synonyms have an order: the one that counts first.
    return key === 'name' && items.some((item) => 'source' in (item as object))
      ? items
      : items.sort((a, b) => (found(a) < found(b) ? -1 : 1))
  }
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, OWN.has(name) ? '(its own)' : comparable(inner)]))
}

/** Where two comparable answers differ. */
export function compare(ours: unknown, theirs: unknown, path = ''): { path: string; ours: unknown; theirs: unknown }[] {
  if (Array.isArray(ours) && Array.isArray(theirs) && ours.length === theirs.length) {
    return ours.flatMap((item, i) => compare(item, theirs[i], `${path}[${labelOf(item) ?? i}]`))
  }
  if (isObject(ours) && isObject(theirs)) {
    return [...new Set([...Object.keys(ours), ...Object.keys(theirs)])].flatMap((name) =>
      compare(ours[name], theirs[name], path === '' ? name : `${path}.${name}`),
    )
  }
  return JSON.stringify(ours) === JSON.stringify(theirs) ? [] : [{ path, ours, theirs }]
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function labelOf(item: unknown): string | undefined {
  if (!isObject(item)) return undefined
  const key = KEYS.find((name) => typeof item[name] === 'string')
  return key === undefined ? undefined : String(item[key])
}

/** How often a real Kafka is asked again before a difference counts, and how long between, in milliseconds. */
const ASK_AGAIN_MAX = 5
const ASK_AGAIN_MS = 100

/** The broker part of a real Kafka has not heard yet what its controller part has decided: it refuses, so nothing was done, and clients ask again. */
const LAG: readonly number[] = [errorCode('UNKNOWN_TOPIC_OR_PARTITION'), errorCode('NOT_LEADER_OR_FOLLOWER'), errorCode('POLICY_VIOLATION')]

function isLag({ path, theirs }: Difference): boolean {
  return path.endsWith('.errorCode') && typeof theirs === 'number' && LAG.includes(theirs)
}

/**
 * Sends a step to both sides.
 * @param isMeant differences that are no reason to ask again, and are not answered
 */
export async function runStep(step: Step, ours: Side, theirs: Side, isMeant: (difference: Difference) => boolean): Promise<Difference[]> {
  const differences = await differencesOf(step, ours, theirs, isMeant)
  if (step.api === DeleteTopics) await hearOfDeletions(ours, theirs)
  return differences
}

async function differencesOf(step: Step, ours: Side, theirs: Side, isMeant: (difference: Difference) => boolean): Promise<Difference[]> {
  const our = comparable(await ask(step, ours))
  for (let again = 0; ; again++) {
    const { version } = step
    const differences = compare(our, comparable(await ask(step, theirs)))
      .map((difference) => ({ api: step.api.name, version, ...difference }))
      .filter((difference) => !isMeant(difference))
    const mayAskAgain = step.reads || differences.some(isLag)
    if (differences.length === 0 || !mayAskAgain || again === ASK_AGAIN_MAX) return differences
    await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS))
  }
}

/** Until the broker part of a real Kafka has heard that a topic is gone it takes records for it, and what it answers says nothing of that. */
async function hearOfDeletions(ours: Side, theirs: Side): Promise<void> {
  for (let again = 0; again < ASK_AGAIN_MAX; again++) {
    const known = await topicNames(ours)
    if ([...(await topicNames(theirs))].every((name) => known.has(name))) return
    await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS))
  }
}

async function topicNames({ channel }: Side): Promise<Set<string | null>> {
  const { topics } = await channel.request(Metadata, 12, { topics: null })
  return new Set(topics.filter(({ isInternal }) => !isInternal).map(({ name }) => name))
}

async function ask(step: Step, side: Side): Promise<unknown> {
  const answer = await side.channel.request(step.api, step.version, step.body(side))
  learnIds(answer, side)
  return answer
}

function learnIds(answer: unknown, side: Side): void {
  const { topics } = answer as { topics?: { name?: string | null; topicId?: string; errorCode?: number }[] }
  for (const { name, topicId, errorCode } of topics ?? []) {
    if (typeof name === 'string' && topicId !== undefined && errorCode === 0 && !/^A+$/.test(topicId)) side.ids.set(name, topicId)
  }
}

/** Has a side make the topic of its transaction coordinator, and waits until that answers. */
export async function prepareTransactions({ channel }: Side): Promise<void> {
  for (;;) {
    await channel.request(FindCoordinator, 2, { key: 't1', keyType: 1 })
    const { transactionStates } = await channel.request(DescribeTransactions, 0, { transactionalIds: ['t1', 't2', 'unknown'] })
    const isLoaded = transactionStates.every(({ errorCode }) => errorName(errorCode) === 'TRANSACTIONAL_ID_NOT_FOUND')
    // The first producer id has to be asked of the controller.
    const first = await channel.request(InitProducerId, 2, { transactionalId: null, transactionTimeoutMs: 1000 })
    if (isLoaded && first.errorCode === 0) return
    await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS))
  }
}
