import { setTimeout as wait } from 'node:timers/promises'

import type { ExecutionContext } from 'ava'

import { tpKey } from '../../core/index.ts'
import type { Client, ClientOptions, Consumer, ConsumerBatch, OffsetToCommit, Producer, ProducerOptions } from '../../core/index.ts'
import { clientFor, readAll, uniqueName } from './client-kit.ts'
import type { Env } from './client-kit.ts'

export interface FlowOptions {
  /** Of the topic with the numbers, to begin with. */
  partitions: number
  /** Of the topic with the copies: so many may be added to the other. */
  partitionsMax: number
  client?: ClientOptions
  /** Of the writer, beyond what it has by itself. */
  writer?: ProducerOptions
  copier?: CopierOptions
}

/** How the copier is broken on purpose, to show that the audit notices. */
export interface CopierOptions {
  /** Where the positions of the group are committed. Default `inside`: in the transaction, the only place that loses and doubles nothing. */
  offsets?: 'before' | 'inside' | 'after'
  /** Of so many copies the last one fails between the two steps, and the copier goes on from where the group is. Default: none does. */
  failsEvery?: number
}

/** Numbers that are written, copied in transactions and read by a group, while a test breaks what they need. */
export interface Flow {
  /** Where 0, 1, 2 ... is written in each partition. */
  readonly numbers: string
  readonly copies: string
  readonly client: Client
  /** Waits until so many more were written, copied and read by the group. @throws Error when something is wrong already */
  progress(count: number): Promise<void>
  /** Writes into so many partitions from now on. */
  widen(partitions: number): void
  /** Ends the writing, waits until everything is copied and read, and says what was lost, doubled or out of order. */
  finish(): Promise<string[]>
}

/** So many records are sent before one waits for them. */
const BURST = 30
const PAUSE_MS = 10
/** The writer waits when so many records are still to be copied and read: what is left at the end is done soon. */
const AHEAD_MAX = 1000

/** Starts a writer (idempotent), a copier (in transactions, member of a group) and a group of two that commits what it has read. */
export async function startFlow(t: ExecutionContext, env: Env, options: FlowOptions): Promise<Flow> {
  const connect = (): Promise<Client> =>
    clientFor(t, env, { metadataMaxAgeMs: 500, requestTimeoutMs: 5000, bootstrapTimeoutMs: 120_000, ...options.client })
  const [numbers, copies] = [uniqueName('numbers'), uniqueName('copies')]
  const client = await connect()
  await client.admin.createTopics([
    { name: numbers, partitions: options.partitions },
    { name: copies, partitions: options.partitionsMax },
  ])
  const flow = new NumberedFlow(numbers, copies, client, options)
  const [copying, watching] = [await connect(), [await connect(), await connect()]]
  flow.start(copying, watching)
  t.teardown(() => flow.stop())
  return flow
}

/** Where a group stands that has read all of this. */
function positionsAfter(batches: readonly ConsumerBatch[]): OffsetToCommit[] {
  const positions = batches.map(
    (batch) => [tpKey(batch), { topic: batch.topic, partition: batch.partition, offset: batch.nextOffset }] as const,
  )
  return [...new Map(positions).values()]
}

class NumberedFlow implements Flow {
  readonly numbers: string
  readonly copies: string
  readonly client: Client
  readonly #options: FlowOptions
  /** How many were acknowledged, by partition. */
  readonly #written: number[]
  /** What the group has to read next, by partition. */
  readonly #watched: number[]
  readonly #faults: string[]
  #partitions: number
  /** Records of committed transactions. */
  #copied: number
  /** Transactions that were tried. */
  #copies: number
  #isWriting: boolean
  #isOver: boolean
  #running: Promise<unknown>
  #writer: Promise<void>

  constructor(numbers: string, copies: string, client: Client, options: FlowOptions) {
    this.numbers = numbers
    this.copies = copies
    this.client = client
    this.#options = options
    this.#written = []
    this.#watched = []
    this.#faults = []
    this.#partitions = options.partitions
    this.#copied = 0
    this.#copies = 0
    this.#isWriting = true
    this.#isOver = false
    this.#running = Promise.resolve()
    this.#writer = Promise.resolve()
  }

  start(copying: Client, watching: readonly Client[]): void {
    const guarded = (what: string, work: Promise<void>): Promise<void> =>
      work.catch((error: unknown) => void this.#faults.push(`FAILED ${what}: ${(error as Error).stack}`))
    this.#writer = guarded('writer', this.#write())
    this.#running = Promise.all([
      guarded('copier', this.#copyOn(copying)),
      ...watching.map((each, i) => guarded(`member ${i}`, this.#watch(each))),
    ])
  }

  async stop(): Promise<void> {
    this.#isWriting = false
    this.#isOver = true
    await Promise.allSettled([this.#writer, this.#running])
  }

  widen(partitions: number): void {
    this.#partitions = partitions
  }

  async progress(count: number): Promise<void> {
    const goals = [this.#total(this.#written), this.#copied, this.#total(this.#watched)].map((now) => now + count)
    const isThere = (): boolean =>
      this.#total(this.#written) >= goals[0]! && this.#copied >= goals[1]! && this.#total(this.#watched) >= goals[2]!
    while (!isThere() && this.#faults.length === 0) await wait(10)
    if (this.#faults.length > 0) throw new Error(this.#faults.join('\n'))
  }

  async finish(): Promise<string[]> {
    this.#isWriting = false
    await this.#writer
    while (!(await this.#isThrough()) && this.#faults.length === 0) await wait(10)
    await this.stop()
    for (const [topic, isolationLevel] of [
      [this.numbers, 'read_uncommitted'],
      [this.copies, 'read_committed'],
    ] as const) {
      const seen = await readAll(this.client, topic, this.#written.length, { isolationLevel })
      this.#written.forEach((count, partition) => {
        const values = seen.filter((record) => record.partition === partition).map((record) => Number(record.value))
        const wrong = values.findIndex((value, i) => value !== i)
        if (wrong >= 0)
          this.#faults.push(`${values[wrong]! < wrong ? 'DOUBLED' : 'LOST'} ${topic}-${partition}: ${values[wrong]} in place of ${wrong}`)
        else if (values.length !== count) this.#faults.push(`LOST ${topic}-${partition}: ${values.length} of ${count}`)
      })
    }
    return this.#faults
  }

  /** By what the groups have committed, not by what arrived: so that what is lost is a fault, and nothing that is waited for. */
  async #isThrough(): Promise<boolean> {
    if (!this.#written.every((count, partition) => (this.#watched[partition] ?? 0) >= count)) return false
    const { admin } = this.client
    const ends = await admin.listOffsets(this.#written.map((_, partition) => ({ topic: this.numbers, partition, at: 'latest' as const })))
    const committed = await admin.listConsumerGroupOffsets(this.#copiers, { requireStable: true })
    const positions = new Map(committed.map((each) => [tpKey(each), each.offset]))
    return ends.every((end) => (positions.get(tpKey(end)) ?? 0) >= end.offset)
  }

  get #copiers(): string {
    return `copiers-${this.numbers}`
  }

  #total(counts: readonly number[]): number {
    return counts.reduce((sum, count) => sum + (count ?? 0), 0)
  }

  async #write(): Promise<void> {
    const producer = this.client.producer({ lingerMs: 1, batchSize: 1000, deliveryTimeoutMs: 120_000, ...this.#options.writer })
    const next: number[] = []
    while (this.#isWriting) {
      const sent: Promise<unknown>[] = []
      for (let i = 0; i < BURST; i++) {
        const partition = i % this.#partitions
        const number = next[partition] ?? 0
        next[partition] = number + 1
        sent.push(
          producer.send({ topic: this.numbers, partition, value: String(number) }).then(() => {
            this.#written[partition] = (this.#written[partition] ?? 0) + 1
          }),
        )
      }
      await Promise.all(sent)
      do await wait(PAUSE_MS)
      while (this.#isWriting && this.#total(this.#written) - Math.min(this.#copied, this.#total(this.#watched)) > AHEAD_MAX)
    }
    await producer.close()
  }

  /** Copies until it is over; begins anew when somebody has taken its place. */
  async #copyOn(client: Client): Promise<void> {
    const producer = client.producer({ transactionalId: `copier-${this.numbers}`, lingerMs: 0, maxBlockMs: 120_000 })
    const consumer = this.#member(client, this.#copiers)
    await producer.init()
    while (!this.#isOver) {
      const batches = await consumer.poll(100)
      if (batches.length > 0) await this.#copy(consumer, producer, batches)
    }
    await consumer.close()
    await producer.close()
  }

  async #copy(consumer: Consumer, producer: Producer, batches: readonly ConsumerBatch[]): Promise<void> {
    const { offsets = 'inside', failsEvery = Infinity } = this.#options.copier ?? {}
    const member = consumer.groupMetadata()
    const positions = positionsAfter(batches)
    this.#copies++
    const isToFail = this.#copies % failsEvery === 0
    if (offsets === 'before') await consumer.commit(positions, member)
    producer.begin()
    try {
      const sent = batches.flatMap(({ partition, columns, from, count }) =>
        Array.from({ length: count }, (_, i) => producer.send({ topic: this.copies, partition, value: columns.value(from + i)! })),
      )
      await Promise.all(sent)
      if (offsets === 'inside') await producer.sendOffsets(positions, member)
      if (isToFail && offsets !== 'after') throw new Error('fails on purpose')
      await producer.commit()
      this.#copied += sent.length
    } catch {
      await producer.abort()
      await this.#goBack(consumer)
      return
    }
    if (offsets !== 'after') return
    if (isToFail) await this.#goBack(consumer)
    else await consumer.commit(positions, member)
  }

  /** Once more, from where the group is. */
  async #goBack(consumer: Consumer): Promise<void> {
    const mine = consumer.assignment()
    const committed = await consumer.committed(mine)
    for (const tp of mine) consumer.seek(tp, committed.get(tpKey(tp))?.offset ?? 'earliest')
  }

  async #watch(client: Client): Promise<void> {
    const consumer = this.#member(client, `watchers-${this.numbers}`)
    while (!this.#isOver) {
      const batches = await consumer.poll(100)
      for (const batch of batches) this.#see(batch)
      // Who has lost his partitions is refused: somebody else reads them again.
      if (batches.length > 0) await consumer.commit().catch(() => {})
    }
    await consumer.close()
  }

  /** What was read before may come again after a rebalance; nothing may be left out. */
  #see({ partition, columns, from, count }: ConsumerBatch): void {
    for (let i = from; i < from + count; i++) {
      const value = Number(columns.value(i)!.toString())
      const next = this.#watched[partition] ?? 0
      if (value > next) this.#faults.push(`MISSED ${this.numbers}-${partition}: ${value} in place of ${next}`)
      if (value === next) this.#watched[partition] = next + 1
    }
  }

  #member(client: Client, groupId: string): Consumer {
    const consumer = client.consumer({
      groupId,
      isolationLevel: 'read_committed',
      autoOffsetReset: 'earliest',
      sessionTimeoutMs: 10_000,
      heartbeatIntervalMs: 500,
      fetchMaxWaitMs: 100,
      maxPollRecords: 200,
    })
    consumer.subscribe([this.numbers])
    return consumer
  }
}
