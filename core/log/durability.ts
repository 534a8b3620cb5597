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
  /** A sync has failed: called once. */
  readonly onFailure: (error: MoldauError) => void
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
    this.#flusher = new Flusher(() => this.#sync())
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

  /** Why the log takes no appends any more: after a failed sync nobody knows what the disk has kept. */
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
  flush(): Promise<void> {
    return this.#flusher.flush()
  }

  /** A failure is kept in {@link Durability.failure} and answered by the next append. */
  flushInBackground(): void {
    this.flush().catch(() => {})
  }

  async #sync(): Promise<void> {
    const { segments, epochs } = this.#options.log()
    if (this.#failure !== undefined) throw kafkaError('KAFKA_STORAGE_ERROR', this.#failure.message)
    this.#end = segments.active.nextOffset
    try {
      if (epochs.unsynced) {
        await epochs.sync()
        this.#directoryDirty = true
      }
      if (this.#directoryDirty) {
        this.#directoryDirty = false
        await this.#options.files.syncDirectory(this.#options.directory)
      }
      if (this.#nameDirty) {
        await this.#options.files.syncDirectory(dirname(this.#options.directory))
        this.#nameDirty = false
      }
      for (const segment of Array.from(this.#dirty)) {
        // Those of now, not those that appends add meanwhile; and one may have been removed while another was synced.
        if (this.#dirty.delete(segment)) await segment.sync(segment !== segments.active)
      }
    } catch (error) {
      this.#fail(error)
      throw kafkaError('KAFKA_STORAGE_ERROR', messageOf(error))
    }
    this.#flushedOffset = Math.max(this.#flushedOffset, this.#end)
  }

  #fail(error: unknown): void {
    if (this.#failure !== undefined) return
    this.#failure = error instanceof MoldauError ? error : new MoldauError('STORAGE_FAILED', messageOf(error), { cause: error })
    this.#options.onFailure(this.#failure)
  }
}
