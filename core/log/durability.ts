import { dirname } from 'node:path'
import { MoldauError, messageOf } from '../base/errors.ts'
import type { Files } from '../base/files.ts'
import { kafkaError } from '../protocol/errors.ts'
import type { LeaderEpochs } from './epochs.ts'
import { Flusher } from './flusher.ts'
import type { Segment } from './segment.ts'
import type { Segments } from './segments.ts'

export interface DurabilityOptions {
  readonly files: Files
  readonly directory: string
  /** Opens the log when it is not open yet. */
  readonly log: () => { segments: Segments; epochs: LeaderEpochs }
  /** A write or a sync has failed: called once, and again after a healing. */
  readonly onFailure: (error: MoldauError) => void
  /** More of the log is synced than before. */
  readonly onFlushed: () => void
}

/** What of a log would survive a power loss: which segments wait for a sync, and up to which offset everything is synced. */
export class Durability {
  readonly #options: DurabilityOptions
  readonly #flusher: Flusher
  readonly #dirty: Set<Segment>
  /** The folder's own name in the folder above it may be new. */
  #nameDirty: boolean
  #directoryDirty: boolean
  #failure: MoldauError | undefined
  #flushedOffset: number
  /** What the sync under way will have covered; lowered when the log is cut meanwhile. */
  #end: number

  constructor(options: DurabilityOptions, flushedOffset: number) {
    this.#options = options
    this.#flusher = new Flusher(() => this.#flush())
    this.#dirty = new Set()
    this.#nameDirty = true
    this.#directoryDirty = true
    this.#failure = undefined
    this.#flushedOffset = flushedOffset
    this.#end = flushedOffset
  }

  /** Everything below is synced. */
  get flushedOffset(): number {
    return this.#flushedOffset
  }

  /**
   * Why the log takes no appends: after a failed write the file may have remains of it behind its end, and after a failed sync nobody knows
   * what the disk has kept, because the system counts the pages it could not write as written. Until {@link Durability.heal} succeeds.
   */
  get failure(): MoldauError | undefined {
    return this.#failure
  }

  /** The log has been opened: what recovery has read may be in memory only. */
  opened(segments: Segments, flushedOffset: number): void {
    this.#flushedOffset = flushedOffset
    for (const segment of segments) if (segment.nextOffset > flushedOffset) this.#dirty.add(segment)
  }

  written(segment: Segment): void {
    this.#dirty.add(segment)
  }

  /** A segment was closed, and has index files now. A sync that began before says nothing of them, so it does not count. */
  closed(segment: Segment): void {
    this.#dirty.add(segment)
    this.#directoryDirty = true
    if (this.#end >= segment.nextOffset) this.#end = this.#flushedOffset
  }

  /** Files were made or renamed. */
  directoryChanged(): void {
    this.#directoryDirty = true
  }

  removed(segment: Segment): void {
    this.#dirty.delete(segment)
  }

  /** The log ends at `offset` now, in a segment that was cut. */
  truncated(segment: Segment, offset: number): void {
    this.#flushedOffset = Math.min(this.#flushedOffset, offset)
    this.#end = Math.min(this.#end, offset)
    this.#dirty.add(segment)
  }

  /** Syncs what was written so far; callers share syncs, see {@link Flusher}. KafkaError KAFKA_STORAGE_ERROR when that fails. */
  async flush(): Promise<void> {
    await this.#until(this.#options.log().segments.active.nextOffset, this.#flusher.flush())
  }

  /** Resolves when everything below `offset` is synced: by the sync under way, when it began after the record was written. */
  whenFlushed(offset: number): Promise<void> {
    if (this.#flushedOffset >= offset) return Promise.resolve()
    const { running } = this.#flusher
    return this.#until(offset, running === undefined || this.#end < offset ? this.#flusher.flush() : running)
  }

  /** Sees to it that what was appended is synced soon; a failure is told by {@link Durability.failure}. */
  flushSoon(): void {
    this.whenFlushed(this.#options.log().segments.active.nextOffset).catch(() => {})
  }

  /** A sync may turn out not to count, and the log may be cut meanwhile. */
  async #until(offset: number, sync: Promise<void>): Promise<void> {
    await sync
    while (this.#flushedOffset < Math.min(offset, this.#options.log().segments.active.nextOffset)) await this.#flusher.flush()
  }

  /** A failure is kept in {@link Durability.failure} and answered by the next append. */
  flushInBackground(): void {
    this.flush().catch(() => {})
  }

  /** A write has failed: no append is taken before the files are as they should be. Answers what the client is told. */
  refused(error: unknown): unknown {
    if (!(error instanceof MoldauError) || error.code !== 'STORAGE_FAILED') return error
    this.#fail(error)
    return kafkaError('KAFKA_STORAGE_ERROR', error.message)
  }

  #fail(error: unknown): void {
    if (this.#failure !== undefined) return
    this.#failure = error instanceof MoldauError ? error : new MoldauError('STORAGE_FAILED', messageOf(error), { cause: error })
    for (const segment of this.#options.log().segments.from(this.#flushedOffset)) segment.reader.doubtful = true
    this.#options.onFailure(this.#failure)
  }

  /**
   * Takes appends again, when `rewrite` has written everything from {@link Durability.flushedOffset} on anew and all of it is synced.
   * Rejects with what the disk said; the failure then stays.
   */
  async heal(rewrite: () => Promise<void>): Promise<void> {
    if (this.#failure === undefined) return
    await this.#flusher.running?.catch(() => {})
    await rewrite()
    const { segments } = this.#options.log()
    for (const segment of segments.from(this.#flushedOffset)) this.#dirty.add(segment)
    this.#directoryDirty = true
    this.#nameDirty = true
    await this.#sync()
    for (const segment of segments) segment.reader.doubtful = false
    this.#failure = undefined
  }

  async #flush(): Promise<void> {
    this.#options.log()
    if (this.#failure !== undefined) throw kafkaError('KAFKA_STORAGE_ERROR', this.#failure.message)
    try {
      await this.#sync()
    } catch (error) {
      this.#fail(error)
      throw kafkaError('KAFKA_STORAGE_ERROR', messageOf(error))
    }
  }

  /** What is marked as dirty loses the mark only when its sync has succeeded, and was not written to meanwhile. */
  async #sync(): Promise<void> {
    const { segments, epochs } = this.#options.log()
    this.#end = segments.active.nextOffset
    const { files, directory } = this.#options
    if (epochs.unsynced) {
      await epochs.sync()
      this.#directoryDirty = true
    }
    if (this.#directoryDirty) {
      this.#directoryDirty = false
      await files.syncDirectory(directory).catch((error: unknown) => {
        this.#directoryDirty = true
        throw error
      })
    }
    if (this.#nameDirty) {
      await files.syncDirectory(dirname(directory))
      this.#nameDirty = false
    }
    for (const segment of Array.from(this.#dirty)) {
      // Those of now, not those that appends add meanwhile; and one may have been removed while another was synced.
      if (!this.#dirty.delete(segment)) continue
      await segment.sync(segment !== segments.active).catch((error: unknown) => {
        this.#dirty.add(segment)
        throw error
      })
    }
    if (this.#end <= this.#flushedOffset) return
    this.#flushedOffset = this.#end
    this.#options.onFlushed()
  }
}
