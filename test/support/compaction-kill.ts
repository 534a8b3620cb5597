import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

import { connect } from '../../core/index.ts'
import type { Client, Producer } from '../../core/index.ts'
import { ChildBroker } from './child-broker.ts'
import { readAll } from './client-kit.ts'

/** Compaction and retention under kill -9: keyed upserts, tombstones and transactions, and an audit of what is left. */

const TOPIC = 'compacted'
const KEYS = 200
const TOMBSTONES = 0.1
const COMMITS = 0.7
/** Looks at the checkpoint of the cleaner, one every 50 ms. */
const CLEANING_PATIENCE = 400

/** Settings that make a broker compact all the time. */
const compactingConfig = {
  'log.cleaner.backoff.ms': '10',
  'log.cleaner.min.cleanable.ratio': '0.01',
  'log.retention.check.interval.ms': '200',
  'offsets.topic.num.partitions': '1',
  'offsets.topic.segment.bytes': '4000',
  'transaction.state.log.num.partitions': '1',
  'transaction.state.log.segment.bytes': '4000',
}

export interface CompactionKills {
  readonly dir: string
  /** How long the broker lives each time, in milliseconds. */
  readonly lives: readonly number[]
  readonly random: () => number
  readonly teardown: (stop: () => Promise<void>) => void
}

export interface CompactionAudit {
  readonly faults: string[]
  readonly acknowledged: number
  /** Where the cleaner is, by its checkpoint. */
  readonly cleanedTo: number
}

/** Writes to a broker that is killed at the end of each of its lives, audits after each, and says what was wrong. */
export async function compactWithKills({ dir, lives, random, teardown }: CompactionKills): Promise<CompactionAudit> {
  const child = new ChildBroker(
    {
      teardown: (stop) =>
        teardown(async () => {
          await stop()
        }),
    },
    dir,
    compactingConfig,
  )
  await child.start()
  const load = new CompactionLoad(child, random)
  await load.createTopic()
  const faults: string[] = []
  for (const life of lives) {
    let stopped = false
    const running = load.run(() => stopped)
    await new Promise((resolve) => setTimeout(resolve, life))
    await child.kill()
    await child.start()
    stopped = true
    await running
    faults.push(...(await load.audit()))
    if (faults.length > 0) break
  }
  // On a busy machine none of the lives may have been long enough.
  let cleanedTo = 0
  for (let patience = CLEANING_PATIENCE; cleanedTo === 0 && patience > 0; patience--) {
    await new Promise((resolve) => setTimeout(resolve, 50))
    const checkpoint = await readFile(join(dir, 'cleaner-offset-checkpoint'), 'utf8').catch(() => '')
    cleanedTo = Number(/^compacted 0 (\d+)$/m.exec(checkpoint)?.[1] ?? 0)
  }
  await child.kill()
  return { faults, acknowledged: load.acknowledged, cleanedTo }
}

interface Update {
  offset: number
  value: string | null
}

/** What was acknowledged, what was sent without an answer, and what was read at an offset once. */
class CompactionLoad {
  readonly #child: ChildBroker
  readonly #random: () => number
  readonly #latest: Map<string, Update>
  /** Values of a key that were sent and not answered, and how many of each. */
  readonly #uncertain: Map<string, Map<string | null, number>>
  readonly #content: Map<number, string>
  acknowledged: number
  #number: number

  constructor(child: ChildBroker, random: () => number) {
    this.#child = child
    this.#random = random
    this.#latest = new Map()
    this.#uncertain = new Map()
    this.#content = new Map()
    this.acknowledged = 0
    this.#number = 0
  }

  async createTopic(): Promise<void> {
    const client = await this.#connect()
    const configs = {
      'cleanup.policy': 'compact',
      'segment.bytes': 20_000,
      'delete.retention.ms': 300,
      'min.cleanable.dirty.ratio': 0.01,
      'file.delete.delay.ms': 50,
    }
    await client.admin.createTopics([{ name: TOPIC, partitions: 1, configs }])
    await client.close()
  }

  /** Writes until `stopped` says so; whatever the broker does, the producers go on. */
  async run(stopped: () => boolean): Promise<void> {
    const client = await this.#connect()
    const plain = client.producer({ batchSize: 2000, lingerMs: 0, compressionType: 'lz4' })
    const transactional = client.producer({ transactionalId: 'tx', batchSize: 2000 })
    try {
      await Promise.all([this.#upserts(plain, stopped), this.#transactions(transactional, stopped)])
    } finally {
      await client.close().catch(() => {})
    }
  }

  #connect(): Promise<Client> {
    return connect(`127.0.0.1:${this.#child.port}`, { retryBackoffMs: 10, retryBackoffMaxMs: 100 })
  }

  async #upserts(producer: Producer, stopped: () => boolean): Promise<void> {
    while (!stopped()) {
      for (const { key, value, sent } of Array.from({ length: 40 }, () => this.#send(producer, 'a'))) {
        const offset = await sent.catch(() => -1)
        if (offset >= 0) this.#acknowledge(key, { offset, value })
      }
    }
  }

  async #transactions(producer: Producer, stopped: () => boolean): Promise<void> {
    while (!stopped()) {
      producer.begin()
      const batch = Array.from({ length: 20 }, () => this.#send(producer, 'b'))
      const offsets = await Promise.all(batch.map(({ sent }) => sent.catch(() => -1)))
      const commits = this.#random() < COMMITS
      try {
        await (commits ? producer.commit() : producer.abort())
      } catch {
        continue
      }
      for (const [i, { key, value }] of batch.entries()) {
        if (!commits) this.#certain(key, value)
        else if (offsets[i]! >= 0) this.#acknowledge(key, { offset: offsets[i]!, value })
      }
    }
  }

  #send(producer: Producer, prefix: string): { key: string; value: string | null; sent: Promise<number> } {
    const key = `${prefix}${Math.floor(this.#random() * KEYS)}`
    const value = this.#random() < TOMBSTONES ? null : `${this.#number++} ${'x'.repeat(Math.floor(this.#random() * 100))}`
    let open = this.#uncertain.get(key)
    if (open === undefined) this.#uncertain.set(key, (open = new Map()))
    open.set(value, (open.get(value) ?? 0) + 1)
    const sent = producer.send({ topic: TOPIC, partition: 0, key, value }).then(({ offset }) => offset)
    return { key, value, sent }
  }

  #acknowledge(key: string, update: Update): void {
    this.acknowledged++
    if ((this.#latest.get(key)?.offset ?? -1) < update.offset) this.#latest.set(key, update)
    this.#certain(key, update.value)
  }

  #certain(key: string, value: string | null): void {
    const open = this.#uncertain.get(key)!
    const left = open.get(value)! - 1
    if (left > 0) open.set(value, left)
    else open.delete(value)
  }

  /** Reads everything committed and compares. Call when nobody writes. */
  async audit(): Promise<string[]> {
    const faults: string[] = []
    const client = await this.#connect()
    const seen = await readAll(client, TOPIC, 1, { isolationLevel: 'read_committed' })
    await client.close()
    const found = new Map<string, Update>()
    let previous = -1
    for (const { offset, key, value } of seen) {
      if (offset <= previous) faults.push(`offset ${offset} after ${previous}`)
      previous = offset
      const content = `${key} ${value}`
      const known = this.#content.get(offset)
      if (known !== undefined && known !== content) faults.push(`offset ${offset} was ${known}, it is ${content}`)
      this.#content.set(offset, content)
      found.set(key!, { offset, value })
    }
    for (const [key, update] of found) {
      const latest = this.#latest.get(key)
      if (latest !== undefined && latest.offset >= update.offset) continue
      // Written, though the answer was lost.
      if (this.#uncertain.get(key)?.has(update.value) === true) this.#latest.set(key, update)
      else faults.push(`${key}: ${update.value} at ${update.offset} was not sent, or is a value of the past; ${JSON.stringify(latest)}`)
    }
    for (const [key, { offset, value }] of this.#latest) {
      const update = found.get(key)
      if (update?.offset === offset && update.value === value) continue
      if (update === undefined && (value === null || this.#uncertain.get(key)?.has(null) === true)) continue
      faults.push(`${key}: ${value} at ${offset} was acknowledged, ${JSON.stringify(update)} is there`)
    }
    return faults
  }
}
