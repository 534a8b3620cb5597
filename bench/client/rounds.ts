import { connect } from 'moldau/core'
import type { Contender as Server } from '../broker/servers.ts'
import { createTopic, deleteTopic, freshTopic, touchMemory } from '../broker/topics.ts'
import type { Contender, Measured } from './contenders.ts'
import { type Task, expectedSum } from './task.ts'

export const PARTITIONS = 6
const BATCH_BYTES = 64 * 1024
const LINGER_MS = 5
const COMMIT_EVERY_MS = 1000
/** What a record of 100 bytes takes in a batch beside its value: numbers and a key of nine bytes. */
const RECORD_OVERHEAD = 19

let groups = 0

/** The work of one row on one broker; topics that are read are filled once. */
export class Rounds {
  readonly #server: Server
  readonly #job: Task['job']
  readonly #valueBytes: number
  readonly #filled: Map<number, { topic: string; sum: number }>

  constructor(server: Server, job: Task['job'], valueBytes: number) {
    this.#server = server
    this.#job = job
    this.#valueBytes = valueBytes
    this.#filled = new Map()
  }

  /** One round of one client. @throws Error when it does not do what it was asked to */
  async run(contender: Contender, way: string, filler: Contender): Promise<Measured> {
    const records = Math.floor(contender.records[this.#job] / (this.#job !== 'latency' && this.#valueBytes > 500 ? 4 : 1))
    return this.#job === 'consume' ? this.#consume(contender, way, records, filler) : this.#produce(contender, way, records)
  }

  /** What a client needs before its first round. */
  async prepare(contender: Contender, filler: Contender): Promise<void> {
    const { topic } = await this.#fill(1, filler)
    await contender.prepare(this.#task(topic, '', 1))
  }

  async end(): Promise<void> {
    for (const { topic } of this.#filled.values()) await deleteTopic(this.#server, topic)
  }

  async #produce(contender: Contender, way: string, records: number): Promise<Measured> {
    const topic = freshTopic()
    await createTopic(this.#server, topic, PARTITIONS)
    await touchMemory(records * (this.#valueBytes + RECORD_OVERHEAD))
    const measured = await contender.run(this.#task(topic, way, records))
    same('acknowledged', measured.records, records)
    same('in the topic', await this.#count(topic), records)
    await deleteTopic(this.#server, topic)
    return measured
  }

  async #consume(contender: Contender, way: string, records: number, filler: Contender): Promise<Measured> {
    const { topic, sum } = await this.#fill(records, filler)
    const measured = await contender.run(this.#task(topic, way, records))
    same('records read', measured.records, records)
    if (contender.looksAtRecords) same('the sum over what was read', measured.sum, sum)
    return measured
  }

  async #fill(records: number, filler: Contender): Promise<{ topic: string; sum: number }> {
    const done = this.#filled.get(records)
    if (done !== undefined) return done
    const topic = freshTopic()
    await createTopic(this.#server, topic, PARTITIONS)
    await filler.run({ ...this.#task(topic, 'append', records), job: 'produce' })
    same('in the topic', await this.#count(topic), records)
    const filled = { topic, sum: expectedSum(records, this.#valueBytes) }
    this.#filled.set(records, filled)
    return filled
  }

  #task(topic: string, way: string, records: number): Task {
    return {
      job: this.#job,
      way,
      bootstrap: this.#server.bootstrap,
      topic,
      records,
      valueBytes: this.#valueBytes,
      batchBytes: BATCH_BYTES,
      lingerMs: LINGER_MS,
      recordsPerSend: Math.floor((PARTITIONS * BATCH_BYTES) / (this.#valueBytes + RECORD_OVERHEAD)),
      groupId: `bench-${++groups}`,
      commitEveryMs: COMMIT_EVERY_MS,
    }
  }

  async #count(topic: string): Promise<number> {
    const client = await connect(this.#server.bootstrap)
    try {
      const partitions = Array.from({ length: PARTITIONS }, (_, partition) => ({ topic, partition }))
      const ends = await client.consumer().endOffsets(partitions)
      return [...ends.values()].reduce((sum, end) => sum + end, 0)
    } finally {
      await client.close()
    }
  }
}

function same(what: string, is: number, shouldBe: number): void {
  if (is !== shouldBe) throw new Error(`${what}: ${is}, should be ${shouldBe}`)
}
