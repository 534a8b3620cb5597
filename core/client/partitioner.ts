import { messageOf, MoldauError } from '../base/errors.ts'
import { murmur2, toPositive } from '../base/murmur2.ts'
import type { RandomBytes } from '../base/uuid.ts'
import { shown } from './checks.ts'
import type { Partitioner } from './producer-options.ts'

/** The partition of a key, the same in every Kafka client. */
export function partitionOfKey(key: Buffer, partitionCount: number): number {
  return toPositive(murmur2(key)) % partitionCount
}

/** How much waits for each partition: batches that have yet to go, -1 for one that nothing can be sent to at the moment. */
export type PartitionLoad = (topic: string, partition: number) => number

export interface RecordPartitionerOptions {
  random: RandomBytes
  batchSize: number
  partitioner: Partitioner | undefined
  partitionerIgnoreKeys: boolean
  partitionerAdaptivePartitioningEnable: boolean
  load: PartitionLoad
}

interface Sticky {
  partition: number
  bytes: number
}

/**
 * Chooses partitions as Kafka's producer does (KIP-794). A record with a key goes where the key belongs; others stay in one partition for
 * the bytes of a batch, then go to another at random: full batches, even load. Adaptive: a partition is the likelier, the less waits for it.
 */
export class RecordPartitioner {
  readonly #options: RecordPartitionerOptions
  readonly #sticky: Map<string, Sticky>
  readonly #turns: Map<string, number>

  constructor(options: RecordPartitionerOptions) {
    this.#options = options
    this.#sticky = new Map()
    this.#turns = new Map()
  }

  /** @param bytes of the record, at most */
  choose(topic: string, key: Buffer | null, partitionCount: number, bytes: number): number {
    const { partitioner, partitionerIgnoreKeys, batchSize } = this.#options
    if (typeof partitioner === 'function') return this.#ask(partitioner, topic, key, partitionCount)
    if (partitioner === 'roundrobin') return this.#inTurn(topic, partitionCount)
    if (key !== null && !partitionerIgnoreKeys) return partitionOfKey(key, partitionCount)
    let sticky = this.#sticky.get(topic)
    if (sticky === undefined) this.#sticky.set(topic, (sticky = { partition: -1, bytes: 0 }))
    if (sticky.partition < 0 || sticky.partition >= partitionCount || sticky.bytes >= batchSize) {
      sticky.partition = this.#next(topic, partitionCount, sticky.partition)
      sticky.bytes = 0
    }
    sticky.bytes += bytes
    return sticky.partition
  }

  #ask(partitioner: Extract<Partitioner, Function>, topic: string, key: Buffer | null, count: number): number {
    let partition: number
    try {
      partition = partitioner(topic, key, count)
    } catch (cause) {
      const message = `the partitioner failed for a record of topic '${topic}' with ${count} partitions: ${messageOf(cause)}`
      throw new MoldauError('INVALID_CONFIG', message, { cause })
    }
    if (Number.isInteger(partition) && partition >= 0 && partition < count) return partition
    const message = `the partitioner chose ${shown(partition)} for a record of topic '${topic}': there are the partitions 0 to ${count - 1}`
    throw new MoldauError('INVALID_CONFIG', message)
  }

  #next(topic: string, count: number, current: number): number {
    const { load, random, partitionerAdaptivePartitioningEnable } = this.#options
    const number = random(Buffer.alloc(4)).readUInt32BE(0)
    const loads = Array.from({ length: count }, (_, partition) => load(topic, partition))
    const adaptive = partitionerAdaptivePartitioningEnable && loads.some((one) => one !== loads[0])
    // With nothing to choose between them not the same again: two batches of one partition go one after the other.
    return adaptive ? weightedChoice(loads, number) : evenChoice(loads, number, current)
  }

  #inTurn(topic: string, count: number): number {
    let turn = this.#turns.get(topic) ?? 0
    let partition = turn % count
    for (let tried = 1; tried < count && this.#options.load(topic, partition) < 0; tried++) partition = ++turn % count
    this.#turns.set(topic, (turn + 1) % count)
    return partition
  }
}

/**
 * The partition for a random number: with the most that waits anywhere plus one as the measure, each has as many chances as it lies below.
 *
 * @param loads -1: no chance, unless it is so for all
 */
export function weightedChoice(loads: readonly number[], random: number): number {
  const most = Math.max(...loads) + 1
  let left = loads.reduce((sum, load) => sum + (load < 0 ? 0 : most - load), 0)
  if (left === 0) return random % loads.length
  left = random % left
  for (const [partition, load] of loads.entries()) {
    if (load < 0) continue
    left -= most - load
    if (left < 0) return partition
  }
  return loads.length - 1
}

/** Any partition that can be sent to but the current one, where there is another. */
function evenChoice(loads: readonly number[], random: number, current: number): number {
  const open = [...loads.keys()].filter((partition) => loads[partition]! >= 0)
  const choices = open.length > 0 ? open : [...loads.keys()]
  const others = choices.filter((partition) => partition !== current)
  return others.length > 0 ? others[random % others.length]! : choices[0]!
}
