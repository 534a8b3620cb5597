import type { Serde } from '../../core/serde/serde.ts'
import { type ChangelogWriter, keyId, type KeyId, type Store, type Stored } from './entry.ts'

/** A record that waits for others of its key. */
export interface Waiting {
  readonly key: unknown
  readonly timestamp: number
  readonly value: unknown
  /** Tells apart what has the same key and time. */
  readonly seq: number
  /** It has found one already. */
  matched: boolean
  /** What {@link Waiting.matched} was when the epoch began. */
  matchedBefore: boolean
  there: boolean
  thereBefore: boolean
  /** The last epoch that touched it. */
  epoch: number
}

/** The changelog's key ends in the time, int64, and the number of the record, uint32; its value begins with whether it was matched. */
const PLACE_BYTES = 12

/**
 * Values by key and time, for joins of streams and for sessions: several of one key and time stay apart. In memory, with an undo log; durable through its
 * changelog.
 */
export class TimelineStore implements Store {
  readonly name: string
  readonly #keySerde: Serde<unknown>
  readonly #valueSerde: Serde<unknown>
  /** Of each key, oldest first. */
  readonly #timelines: Map<KeyId, Waiting[]>
  /** By time, the least first; what is not there any more is passed over when it comes up. */
  readonly #oldest: TimeHeap
  #dirty: Waiting[]
  #epoch: number
  #nextSeq: number
  #size: number

  constructor(name: string, keySerde: Serde<unknown>, valueSerde: Serde<unknown>) {
    this.name = name
    this.#keySerde = keySerde
    this.#valueSerde = valueSerde
    this.#timelines = new Map()
    this.#oldest = new TimeHeap()
    this.#dirty = []
    this.#epoch = 0
    this.#nextSeq = 0
    this.#size = 0
  }

  get size(): number {
    return this.#size
  }

  add(key: unknown, timestamp: number, value: unknown, matched: boolean): void {
    const seq = this.#nextSeq
    this.#nextSeq = (seq + 1) >>> 0
    const waiting = { key, timestamp, value, seq, matched, matchedBefore: false, there: false, thereBefore: false, epoch: -1 }
    this.#touch(waiting)
    this.#insert(waiting)
  }

  /** Those of a key from one time to another, both included, oldest first. */
  *between(key: unknown, from: number, to: number): Generator<Waiting> {
    const timeline = this.#timelines.get(keyId(key, this.#keySerde))
    if (timeline === undefined) return
    for (let at = firstFrom(timeline, from); at < timeline.length && timeline[at]!.timestamp <= to; at++) yield timeline[at]!
  }

  match(waiting: Waiting): void {
    if (waiting.matched) return
    this.#touch(waiting)
    waiting.matched = true
  }

  /** Takes one away before its time. */
  take(waiting: Waiting): void {
    this.#touch(waiting)
    this.#remove(waiting)
  }

  /** Takes away what is as old as this or older, oldest first. */
  *takeUpTo(timestamp: number): Generator<Waiting> {
    for (let waiting = this.#oldest.least; waiting !== undefined && waiting.timestamp <= timestamp; waiting = this.#oldest.least) {
      this.#oldest.drop()
      if (!waiting.there) continue
      this.#touch(waiting)
      this.#remove(waiting)
      yield waiting
    }
  }

  writeChanges(write: ChangelogWriter): void {
    for (const waiting of this.#dirty) {
      const { timestamp, value, there, thereBefore, matched, matchedBefore } = waiting
      if (there === thereBefore && (!there || matched === matchedBefore)) continue
      write(this.#changelogKey(waiting), there ? withFlag(matched, this.#valueSerde.serialize(value)) : null, timestamp)
    }
  }

  commit(): void {
    this.#dirty = []
    this.#epoch++
  }

  rollback(): void {
    for (const waiting of this.#dirty) {
      waiting.matched = waiting.matchedBefore
      if (waiting.there === waiting.thereBefore) continue
      if (waiting.there) this.#remove(waiting)
      else this.#insert(waiting)
    }
    this.commit()
  }

  restore(changelogKey: Buffer, value: Buffer | null, timestamp: number): void {
    const end = changelogKey.length - PLACE_BYTES
    const key = this.#keySerde.deserialize(changelogKey, 0, end)
    const seq = changelogKey.readUInt32BE(end + 8)
    this.#nextSeq = Math.max(this.#nextSeq, seq + 1) >>> 0
    const old = [...this.between(key, timestamp, timestamp)].find((waiting) => waiting.seq === seq)
    if (old !== undefined) this.#remove(old)
    if (value === null) return
    const matched = value[0] === 1
    const restored = this.#valueSerde.deserialize(value, 1, value.length)
    this.#insert({ key, timestamp, value: restored, seq, matched, matchedBefore: matched, there: false, thereBefore: true, epoch: -1 })
  }

  *entries(): Generator<Stored> {
    for (const timeline of this.#timelines.values()) for (const { key, value, timestamp } of timeline) yield { key, value, timestamp }
  }

  #touch(waiting: Waiting): void {
    if (waiting.epoch === this.#epoch) return
    waiting.epoch = this.#epoch
    waiting.matchedBefore = waiting.matched
    waiting.thereBefore = waiting.there
    this.#dirty.push(waiting)
  }

  #insert(waiting: Waiting): void {
    waiting.there = true
    this.#size++
    this.#oldest.add(waiting)
    const id = keyId(waiting.key, this.#keySerde)
    const timeline = this.#timelines.get(id)
    if (timeline === undefined) this.#timelines.set(id, [waiting])
    // Behind those of its time: mostly at the end.
    else timeline.splice(firstFrom(timeline, waiting.timestamp + 1), 0, waiting)
  }

  #remove(waiting: Waiting): void {
    waiting.there = false
    this.#size--
    const id = keyId(waiting.key, this.#keySerde)
    const timeline = this.#timelines.get(id)!
    timeline.splice(timeline.indexOf(waiting, firstFrom(timeline, waiting.timestamp)), 1)
    if (timeline.length === 0) this.#timelines.delete(id)
  }

  #changelogKey({ key, timestamp, seq }: Waiting): Buffer {
    const bytes = this.#keySerde.serialize(key)
    const result = Buffer.allocUnsafe(bytes.length + PLACE_BYTES)
    bytes.copy(result)
    result.writeBigInt64BE(BigInt(timestamp), bytes.length)
    result.writeUInt32BE(seq, bytes.length + 8)
    return result
  }
}

function withFlag(matched: boolean, bytes: Buffer): Buffer {
  const result = Buffer.allocUnsafe(bytes.length + 1)
  result[0] = matched ? 1 : 0
  bytes.copy(result, 1)
  return result
}

/** Where the first one begins that is not older. */
function firstFrom(timeline: readonly Waiting[], timestamp: number): number {
  let [low, high] = [0, timeline.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (timeline[middle]!.timestamp < timestamp) low = middle + 1
    else high = middle
  }
  return low
}

/** A binary heap. */
class TimeHeap {
  readonly #items: Waiting[] = []

  get least(): Waiting | undefined {
    return this.#items[0]
  }

  add(waiting: Waiting): void {
    const items = this.#items
    let at = items.length
    for (items.push(waiting); at > 0;) {
      const parent = (at - 1) >> 1
      if (before(items[parent]!, waiting)) break
      items[at] = items[parent]!
      at = parent
    }
    items[at] = waiting
  }

  drop(): void {
    const items = this.#items
    const last = items.pop()
    if (last === undefined || items.length === 0) return
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= items.length) break
      if (child + 1 < items.length && before(items[child + 1]!, items[child]!)) child++
      if (before(last, items[child]!)) break
      items[at] = items[child]!
      at = child
    }
    items[at] = last
  }
}

function before(a: Waiting, b: Waiting): boolean {
  return a.timestamp < b.timestamp || (a.timestamp === b.timestamp && a.seq < b.seq)
}
