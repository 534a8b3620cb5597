import { type Client, int64, string, type TopicPartition } from 'moldau/core'
import type { Contender as Server } from '../broker/servers.ts'
import { createTopic, freshTopic } from '../broker/topics.ts'
import { cpuOf } from '../process-cpu.ts'
import type { Engine, RunningEngine } from './engines.ts'
import { expectedWindows, type JobName, PARTITIONS, recordOf } from './task.ts'

/** What an engine did from the moment that it had committed a tenth of the records: its start is not measured. */
export interface Measured {
  readonly records: number
  readonly cpu: number
  readonly seconds: number
}

const LOOK_EVERY_MS = 100
const PATIENCE_MS = 300_000
/** The records are of years ago, and retention goes by their time: a broker looks after five minutes, in the middle of a run. */
const KEPT = { 'retention.ms': '-1' }
const START_SHARE = 0.1
/** Windows that have closed need not all be out: an engine may look for them once a second. */
const WINDOWS_OUT_SHARE = 0.7

let applications = 0

/** One job on one broker, with the same input for all engines. */
export class Rounds {
  readonly #server: Server
  readonly #client: Client
  readonly #job: JobName
  readonly #records: number
  #input: string | undefined
  #windows: ReadonlyMap<string, number> | undefined

  constructor(server: Server, client: Client, job: JobName, records: number) {
    this.#server = server
    this.#client = client
    this.#job = job
    this.#records = records
    this.#input = undefined
    this.#windows = undefined
  }

  /** @throws Error when the engine does not do what it was asked to: every record counted once, in what is committed */
  async run(engine: Engine): Promise<Measured> {
    const input = (this.#input ??= await this.#fill())
    const output = freshTopic()
    await createTopic(this.#server, output, PARTITIONS, KEPT)
    const application = `job-${++applications}`
    const running = await engine.start({ job: this.#job, bootstrap: this.#server.bootstrap, application, input, output })
    try {
      const measured = await Promise.race([this.#watch(application, running, engine.name), running.failed])
      await running.end()
      await this.#check(output)
      return measured
    } finally {
      await running.end()
      const own = (await this.#client.admin.listTopics()).filter(({ name }) => name.startsWith(`${application}-`)).map(({ name }) => name)
      await this.#client.admin.deleteTopics([output, ...own])
    }
  }

  async end(): Promise<void> {
    if (this.#input !== undefined) await this.#client.admin.deleteTopics([this.#input])
  }

  async #fill(): Promise<string> {
    const name = freshTopic()
    await createTopic(this.#server, name, PARTITIONS, KEPT)
    const producer = this.#client.producer({ lingerMs: 5, batchSize: 64 * 1024 })
    await producer.partitions(name)
    await producer.init()
    for (let i = 0; i < this.#records; i++) {
      const { key, value, timestamp } = recordOf(i)
      producer.append(name, producer.partitionFor(name, key), key, value, timestamp)
      if (i % 1000 === 0) await producer.ready()
    }
    await producer.close()
    return name
  }

  async #watch(application: string, { pid, said }: RunningEngine, name: string): Promise<Measured> {
    let from: { records: number; cpu: number; at: number } | undefined
    for (const end = performance.now() + PATIENCE_MS; performance.now() < end;) {
      const records = await this.#committed(application)
      const cpu = cpuOf(pid)
      const at = performance.now()
      if (from === undefined && records >= this.#records * START_SHARE) from = { records, cpu, at }
      if (from !== undefined && records >= this.#records) {
        return { records: records - from.records, cpu: cpu - from.cpu, seconds: (at - from.at) / 1000 }
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))
    }
    throw new Error(
      `${name} has not done its work in ${PATIENCE_MS / 1000} s; committed: ${await this.#committed(application)}; it said: ${said()}`,
    )
  }

  /** How many records of the input the group has committed. */
  async #committed(application: string): Promise<number> {
    // Ours has the name of the pipeline behind that of the application.
    let sum = 0
    for (const groupId of [application, `${application}-${this.#job}`]) {
      const offsets = await this.#client.admin.listConsumerGroupOffsets(groupId)
      for (const { topic, offset } of offsets) if (topic === this.#input) sum += offset
    }
    return sum
  }

  /** Reads what is committed in the output. */
  async #check(output: string): Promise<void> {
    const counts = new Map<string, number>()
    let records = 0
    for await (const { key, value } of this.#read(output)) {
      records++
      const before = counts.get(key)
      if (this.#job === 'window') {
        if (before !== undefined) throw new Error(`${key} came twice: ${before}, ${value}`)
      } else if (value !== (before ?? 0) + 1) throw new Error(`${key}: ${value} came after ${before}`)
      counts.set(key, value)
    }
    if (this.#job === 'count') return same('records of the output', records, this.#records)
    this.#windows ??= expectedWindows(this.#records)
    for (const [key, count] of counts) same(key, count, this.#windows.get(key) ?? 0)
    if (counts.size < this.#windows.size * WINDOWS_OUT_SHARE)
      throw new Error(`only ${counts.size} of ${this.#windows.size} windows are out`)
  }

  async *#read(topic: string): AsyncGenerator<{ key: string; value: number }> {
    const places = Array.from({ length: PARTITIONS }, (_, partition) => ({ topic, partition }))
    const consumer = this.#client.consumer({ isolationLevel: 'read_committed', autoOffsetReset: 'earliest' })
    consumer.assign(places)
    const ends = await this.#settledEnds(places)
    while (places.some((place, i) => (consumer.position(place) ?? -1) < ends[i]!)) {
      for (const { columns, from, count } of await consumer.poll(LOOK_EVERY_MS)) {
        for (let i = from; i < from + count; i++) {
          const [key, value] = [columns.key(i)!, columns.value(i)!]
          yield { key: string.deserialize(key, 0, key.length), value: int64.deserialize(value, 0, value.length) }
        }
      }
    }
    await consumer.close()
  }

  /** A commit may be answered before its markers are there. */
  async #settledEnds(places: readonly TopicPartition[]): Promise<number[]> {
    const asked = places.map((place) => ({ ...place, at: 'latest' as const }))
    for (;;) {
      const stable = await this.#client.admin.listOffsets(asked, { isolationLevel: 'read_committed' })
      const ends = await this.#client.admin.listOffsets(asked)
      if (stable.every(({ offset }, i) => offset === ends[i]!.offset)) return ends.map(({ offset }) => offset)
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))
    }
  }
}

function same(what: string, is: number, shouldBe: number): void {
  if (is !== shouldBe) throw new Error(`${what}: ${is}, should be ${shouldBe}`)
}
