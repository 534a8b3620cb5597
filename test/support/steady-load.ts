import type { Client, Consumer, Producer } from '../../core/index.ts'

const TICK_MS = 20
const COMMIT_MS = 1000

export interface SteadyLoadOptions {
  readonly client: Client
  readonly topic: string
  readonly groupId: string
  /** Records per second. */
  readonly rate: number
  readonly bytes: number
  /** Sees each batch that was read. */
  readonly onBatch?: (value: Buffer) => void
}

/** A producer at a steady rate, and a member of a group that reads along and commits once per second. */
export class SteadyLoad {
  produced: number
  consumed: number
  /** What went wrong, once. */
  readonly faults: string[]
  readonly #options: SteadyLoadOptions
  readonly #producer: Producer
  readonly #consumer: Consumer
  readonly #positions: Map<number, number>
  #running: boolean
  #work: Promise<unknown>

  constructor(options: SteadyLoadOptions) {
    const { client, groupId } = options
    this.produced = 0
    this.consumed = 0
    this.faults = []
    this.#options = options
    this.#producer = client.producer()
    this.#consumer = client.consumer({ groupId, autoOffsetReset: 'earliest', maxPollRecords: 5000 })
    this.#positions = new Map()
    this.#running = false
    this.#work = Promise.resolve()
  }

  start(): void {
    this.#running = true
    this.#consumer.subscribe([this.#options.topic])
    this.#work = Promise.all([this.#produce(), this.#consume()])
  }

  /** Waits until what was produced has been read too. */
  async stop(): Promise<void> {
    this.#running = false
    await this.#work
    await this.#producer.close()
    await this.#consumer.close()
    if (this.consumed !== this.produced) this.faults.push(`${this.produced} records produced, ${this.consumed} consumed`)
  }

  #fault(error: unknown): void {
    if (this.faults.length < 20) this.faults.push(String(error))
  }

  async #produce(): Promise<void> {
    const { topic, rate, bytes } = this.#options
    const value = Buffer.alloc(bytes, 'x')
    const began = performance.now()
    const failed = (error: unknown): void => this.#fault(error)
    while (this.#running) {
      const due = Math.floor(((performance.now() - began) / 1000) * rate)
      for (; this.produced < due; this.produced++) {
        this.#producer.send({ topic, key: String(this.produced % 1000), value }).catch(failed)
        if (this.produced % 1000 === 0) await this.#producer.ready()
      }
      await new Promise((resolve) => setTimeout(resolve, TICK_MS))
    }
    await this.#producer.flush()
  }

  async #consume(): Promise<void> {
    let committedAt = performance.now()
    while (this.#running || this.consumed < this.produced) {
      for (const { partition, columns, from, count, firstOffset, nextOffset } of await this.#consumer.poll(100)) {
        const expected = this.#positions.get(partition) ?? 0
        if (firstOffset !== expected) this.#fault(`partition ${partition}: offset ${firstOffset} came after ${expected - 1}`)
        this.#positions.set(partition, nextOffset)
        this.consumed += count
        this.#options.onBatch?.(columns.value(from)!)
      }
      if (performance.now() - committedAt < COMMIT_MS) continue
      await this.#consumer.commit()
      committedAt = performance.now()
    }
  }
}
