import type { Client, Consumer } from '../../core/index.ts'
import { accountOf, branchOf, isBad, ownerOf, timeOf, WINDOW_MS, type ShopEvent, type ShopTotal, type ShopWindow } from './shop-jobs.ts'

const OUTPUTS = ['totals', 'windows', 'joined', 'dead'] as const
type Output = (typeof OUTPUTS)[number]

/** What the jobs have been given, what they must make of it, and what they have made of it so far, as a reader of committed records sees it. */
export class ShopAudit {
  readonly #faults: string[] = []
  readonly #consumer: Consumer
  /** What was committed of the input, by number. */
  readonly #events = new Map<number, ShopEvent>()
  readonly #totals = new Map<string, ShopTotal>()
  readonly #windows = new Map<string, ShopWindow>()
  readonly #joined = new Map<number, string>()
  /** The last number of each account. */
  readonly #order = new Map<string, number>()
  readonly #dead = new Set<number>()
  #updates = 0

  private constructor(consumer: Consumer) {
    this.#consumer = consumer
  }

  static open(client: Client, partitions: number): ShopAudit {
    const consumer = client.consumer({ isolationLevel: 'read_committed', autoOffsetReset: 'none' })
    consumer.assign(OUTPUTS.flatMap((topic) => Array.from({ length: partitions }, (_, partition) => ({ topic, partition, offset: 0 }))))
    return new ShopAudit(consumer)
  }

  /** The record is committed in the input. */
  given(event: ShopEvent): void {
    this.#events.set(event.n, event)
  }

  get records(): number {
    return this.#events.size
  }

  /** Reads on. @returns whether each record has come to the end of each job, or something is wrong already */
  async look(): Promise<boolean> {
    for (const { topic, columns, from, count } of await this.#consumer.poll(50)) {
      for (let i = from; i < from + count; i++) this.#take(topic as Output, String(columns.key(i)), columns.value(i)!)
    }
    return this.#faults.length > 0 || (this.#updates >= this.records && this.#joined.size + this.#dead.size >= this.records)
  }

  /** What is wrong so far. @param all the jobs have come to the end of the input, so every window is over */
  faults(all: boolean): string[] {
    const faults = [...this.#faults]
    if (this.#updates !== this.records) faults.push(`totals: ${this.#updates} updates of ${this.records} records`)
    const expected = totalsOf(this.#events.values())
    for (const [key, total] of expected)
      if (!same(this.#totals.get(key), total))
        faults.push(`totals: ${key} is ${JSON.stringify(this.#totals.get(key))}, not ${JSON.stringify(total)}`)
    for (const n of this.#events.keys()) {
      const isThere = isBad(n) ? this.#dead.has(n) : this.#joined.has(n)
      if (!isThere) faults.push(`${isBad(n) ? 'dead' : 'joined'}: ${n} is lost`)
    }
    for (const each of this.#joined.keys()) if (!this.#events.has(each)) faults.push(`joined: ${each} was aborted in the input`)
    const windows = windowsOf(this.#events.values())
    for (const [id, window] of this.#windows)
      if (!same(windows.get(id), window)) faults.push(`windows: ${id} is ${JSON.stringify(window)}, not ${JSON.stringify(windows.get(id))}`)
    if (all) for (const id of windows.keys()) if (!this.#windows.has(id)) faults.push(`windows: ${id} never came`)
    return faults
  }

  async close(): Promise<void> {
    await this.#consumer.close()
  }

  get summary(): string {
    return `${this.records} records, ${this.#updates} updates, ${this.#windows.size} windows, ${this.#joined.size} joined, ${this.#dead.size} dead letters`
  }

  #take(topic: Output, key: string, bytes: Buffer): void {
    const value: unknown = JSON.parse(bytes.toString())
    if (topic === 'totals') return this.#takeTotal(key, value as ShopTotal)
    if (topic === 'windows') {
      const window = value as ShopWindow
      const id = `${key}@${window.start}`
      if (this.#windows.has(id)) this.#faults.push(`windows: ${id} comes twice`)
      this.#windows.set(id, window)
      return
    }
    if (topic === 'dead') {
      const { n } = value as ShopEvent
      if (this.#dead.has(n)) this.#faults.push(`dead: ${n} comes twice`)
      this.#dead.add(n)
      return
    }
    const { n, owner } = value as { n: number; owner: string }
    if (this.#joined.has(n)) this.#faults.push(`joined: ${n} comes twice`)
    if (key !== accountOf(n) || owner !== ownerOf(key)) this.#faults.push(`joined: ${n} has ${key} and ${owner}`)
    if (n < (this.#order.get(key) ?? -1)) this.#faults.push(`joined: ${n} of ${key} comes behind ${this.#order.get(key)}`)
    this.#order.set(key, n)
    this.#joined.set(n, owner)
  }

  /** Every update goes out, so that one that is lost or doubled breaks the row. */
  #takeTotal(key: string, total: ShopTotal): void {
    const before = this.#totals.get(key)?.n ?? 0
    if (total.n !== before + 1) this.#faults.push(`totals: ${key} is ${total.n} after ${before}`)
    this.#totals.set(key, total)
    this.#updates++
  }
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}

function totalsOf(events: Iterable<ShopEvent>): Map<string, ShopTotal> {
  const totals = new Map<string, ShopTotal>()
  for (const { n, amount } of events) {
    const before = totals.get(branchOf(n)) ?? { n: 0, total: 0 }
    totals.set(branchOf(n), { n: before.n + 1, total: before.total + amount })
  }
  return totals
}

function windowsOf(events: Iterable<ShopEvent>): Map<string, ShopWindow> {
  const windows = new Map<string, ShopWindow>()
  for (const { n, amount } of events) {
    const start = timeOf(n) - (timeOf(n) % WINDOW_MS)
    const id = `${branchOf(n)}@${start}`
    const before = windows.get(id) ?? { start, n: 0, total: 0 }
    windows.set(id, { start, n: before.n + 1, total: before.total + amount })
  }
  return windows
}
