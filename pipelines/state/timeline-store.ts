import type { Serde } from '../../core/serde/serde.ts'
import { type Layout, type Row, timeOf } from './disk/layout.ts'
import { RowCache, type Rows } from './disk/row-cache.ts'
import type { DiskTable } from './disk/table.ts'
import { type ChangelogWriter, keyId, type KeyId, type Store, type Stored } from './entry.ts'
import type { StoreSpec } from './store-spec.ts'
import { before, type Timed, TimeHeap } from './time-heap.ts'

/** A record that waits for others of its key. */
export interface Waiting {
  readonly key: unknown
  readonly timestamp: number
  value: unknown
  /** What {@link Waiting.value} was when the epoch began. */
  valueBefore: unknown
  /** Tells apart what has the same key and time. */
  readonly seq: number
  /** It has found one already; of a sliding window: it was given. */
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

/** A store with values by key and time. */
export function timelineStore(name: string, key: Serde<unknown>, value: Serde<unknown>): StoreSpec<TimelineStore> {
  const layout: Layout = { by: 'key', placeBytes: PLACE_BYTES }
  return { name, kind: 'timeline', layout, key, value, create: (disk) => new TimelineStore(name, key, value, disk) }
}

/**
 * Values by key and time, for joins of streams and for sessions: several of one key and time stay apart. With an undo log; durable through its
 * changelog. In memory, or on disk with the keys in memory that are in use: each with all that it has.
 */
export class TimelineStore implements Store {
  readonly name: string
  readonly #keySerde: Serde<unknown>
  readonly #valueSerde: Serde<unknown>
  /** Of each key, oldest first. */
  readonly #timelines: Rows<KeyId, Waiting[]>
  readonly #disk: DiskTable | undefined
  /** By time, the least first, on disk of what has come in this epoch; what is not there any more is passed over when it comes up. */
  #oldest: TimeHeap<Waiting>
  #dirty: Waiting[]
  #epoch: number
  #nextSeq: number
  /** What it was when the epoch began: run again, an epoch writes the same. */
  #seqBefore: number
  #size: number

  /** @param disk where what is not in memory stands; undefined: everything is in memory */
  constructor(name: string, keySerde: Serde<unknown>, valueSerde: Serde<unknown>, disk?: DiskTable) {
    this.name = name
    this.#keySerde = keySerde
    this.#valueSerde = valueSerde
    this.#disk = disk
    this.#timelines = disk === undefined ? new Map<KeyId, Waiting[]>() : new RowCache<KeyId, Waiting[]>()
    this.#oldest = new TimeHeap()
    this.#dirty = []
    this.#epoch = 0
    this.#nextSeq = 0
    this.#seqBefore = 0
    this.#size = 0
  }

  get size(): number {
    if (this.#disk === undefined) return this.#size
    return this.#dirty.reduce((size, { there, thereBefore }) => size + Number(there) - Number(thereBefore), this.#disk.size)
  }

  add(key: unknown, timestamp: number, value: unknown, matched: boolean): Waiting {
    const seq = Math.max(this.#nextSeq, this.#disk?.nextSeq ?? 0)
    this.#nextSeq = (seq + 1) >>> 0
    const before = { valueBefore: undefined, matchedBefore: false, there: false, thereBefore: false }
    const waiting: Waiting = { key, timestamp, value, seq, matched, ...before, epoch: -1 }
    this.#touch(waiting)
    this.#insert(waiting)
    return waiting
  }

  /** Those of a key from one time to another, both included, oldest first. */
  *between(key: unknown, from: number, to: number): Generator<Waiting> {
    const timeline = this.#timeline(keyId(key, this.#keySerde), key)
    if (timeline === undefined) return
    for (let at = firstFrom(timeline, { timestamp: from, seq: -1 }); at < timeline.length && timeline[at]!.timestamp <= to; at++)
      yield timeline[at]!
  }

  /** Gives one another value. */
  put(waiting: Waiting, value: unknown): void {
    this.#touch(waiting)
    waiting.value = value
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
    for (const row of this.#disk?.upTo(timestamp) ?? []) {
      const waiting = this.#waitingAt(row)
      if (waiting === undefined) continue
      yield* this.#takeFresh(waiting)
      yield this.#taken(waiting)
    }
    yield* this.#takeFresh({ timestamp, seq: Infinity })
  }

  /** Those that stand in memory only and are older than this. */
  *#takeFresh(limit: Timed): Generator<Waiting> {
    for (let waiting = this.#oldest.least; waiting !== undefined && before(waiting, limit); waiting = this.#oldest.least) {
      this.#oldest.drop()
      if (waiting.there) yield this.#taken(waiting)
    }
  }

  #taken(waiting: Waiting): Waiting {
    this.#touch(waiting)
    this.#remove(waiting)
    return waiting
  }

  writeChanges(write: ChangelogWriter): void {
    for (const waiting of this.#dirty) {
      const { timestamp, value, valueBefore, there, thereBefore, matched, matchedBefore } = waiting
      if (there === thereBefore && (!there || (matched === matchedBefore && value === valueBefore))) continue
      write(this.#changelogKey(waiting), there ? withFlag(matched, this.#valueSerde.serialize(value)) : null, timestamp)
    }
  }

  commit(): void {
    this.#dirty = []
    this.#seqBefore = this.#nextSeq
    this.#epoch++
    if (this.#disk === undefined) return
    this.#oldest = new TimeHeap()
    ;(this.#timelines as RowCache<KeyId, Waiting[]>).trim(this.#disk.rowsMax)
  }

  rollback(): void {
    for (const waiting of this.#dirty) {
      waiting.matched = waiting.matchedBefore
      waiting.value = waiting.valueBefore
      if (waiting.there === waiting.thereBefore) continue
      if (waiting.there) this.#remove(waiting)
      else this.#insert(waiting)
    }
    this.#nextSeq = this.#seqBefore
    this.commit()
  }

  restore(changelogKey: Buffer, value: Buffer | null, timestamp: number): void {
    if (this.#disk !== undefined) return this.#disk.stage(changelogKey, value, timestamp)
    const end = changelogKey.length - PLACE_BYTES
    const key = this.#keySerde.deserialize(changelogKey, 0, end)
    const seq = changelogKey.readUInt32BE(end + 8)
    this.#nextSeq = Math.max(this.#nextSeq, seq + 1) >>> 0
    this.#seqBefore = this.#nextSeq
    const old = [...this.between(key, timestamp, timestamp)].find((waiting) => waiting.seq === seq)
    if (old !== undefined) this.#remove(old)
    if (value !== null) this.#insert(this.#decoded(key, timestamp, seq, value))
  }

  *entries(): Generator<Stored> {
    for (const { key, value, timestamp } of this.waiting()) yield { key, value, timestamp }
  }

  /** All that wait, in no order. */
  *waiting(): Generator<Waiting> {
    if (this.#disk === undefined) for (const timeline of this.#timelines.values()) yield* timeline
    for (const row of this.#disk?.all() ?? []) {
      const waiting = this.#waitingAt(row)
      if (waiting !== undefined) yield waiting
    }
    for (const waiting of this.#disk === undefined ? [] : this.#dirty) if (waiting.there && !waiting.thereBefore) yield waiting
  }

  /** What is now at a row of the disk: undefined when it was taken away in this epoch. */
  #waitingAt(row: Row): Waiting | undefined {
    const key = this.#keySerde.deserialize(row.key, 0, row.key.length)
    const timestamp = timeOf(row.place)
    const seq = row.place.readUInt32BE(8)
    const timeline = this.#timelines.get(keyId(key, this.#keySerde))
    if (timeline === undefined) return this.#decoded(key, timestamp, seq, row.value)
    const waiting = timeline[firstFrom(timeline, { timestamp, seq })]
    return waiting?.timestamp === timestamp && waiting.seq === seq ? waiting : undefined
  }

  /** All of a key, on disk read in one go: undefined when there is nothing. */
  #timeline(id: KeyId, key: unknown): Waiting[] | undefined {
    const timeline = this.#timelines.get(id)
    if (timeline !== undefined || this.#disk === undefined) return timeline
    const rows = this.#disk.ofKey(this.#keySerde.serialize(key))
    const read = Array.from(rows, ({ place, value }) => this.#decoded(key, timeOf(place), place.readUInt32BE(8), value))
    this.#timelines.set(id, read)
    return read
  }

  #decoded(key: unknown, timestamp: number, seq: number, bytes: Buffer): Waiting {
    const matched = bytes[0] === 1
    const value = this.#valueSerde.deserialize(bytes, 1, bytes.length)
    const before = { valueBefore: value, matchedBefore: matched, there: true, thereBefore: true }
    return { key, timestamp, value, seq, matched, ...before, epoch: -1 }
  }

  #touch(waiting: Waiting): void {
    if (waiting.epoch === this.#epoch) return
    waiting.epoch = this.#epoch
    waiting.matchedBefore = waiting.matched
    waiting.thereBefore = waiting.there
    waiting.valueBefore = waiting.value
    this.#dirty.push(waiting)
  }

  #insert(waiting: Waiting): void {
    waiting.there = true
    this.#size++
    this.#oldest.add(waiting)
    const id = keyId(waiting.key, this.#keySerde)
    const timeline = this.#timeline(id, waiting.key)
    if (timeline === undefined) this.#timelines.set(id, [waiting])
    // Mostly at the end.
    else timeline.splice(firstFrom(timeline, waiting), 0, waiting)
  }

  #remove(waiting: Waiting): void {
    waiting.there = false
    this.#size--
    const id = keyId(waiting.key, this.#keySerde)
    const timeline = this.#timeline(id, waiting.key)!
    timeline.splice(firstFrom(timeline, waiting), 1)
    // On disk it is there until the epoch is committed: an empty one says that it is not.
    if (timeline.length === 0 && this.#disk === undefined) this.#timelines.delete(id)
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
function firstFrom(timeline: readonly Waiting[], timed: Timed): number {
  let [low, high] = [0, timeline.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (before(timeline[middle]!, timed)) low = middle + 1
    else high = middle
  }
  return low
}
