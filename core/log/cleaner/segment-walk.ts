import { MoldauError, messageOf } from '../../base/errors.ts'
import type { PartitionLog } from '../partition-log.ts'
import type { Segment } from '../segment.ts'
import { CleaningAborted } from './cleaning-stops.ts'
import type { Throttle } from './throttle.ts'

/** Bytes of a log that are gone through without letting anything else run; one batch may be larger. */
const SLICE_BYTES_MAX = 128 * 1024

export interface SegmentWalkOptions {
  readonly log: PartitionLog
  readonly throttle: Throttle
  /** Memory to read through, at most {@link SLICE_BYTES_MAX} of it. */
  readonly bufferBytes: number
  /** Asked between two slices: whether to give up. */
  readonly stopped: () => boolean
  /** Bytes written since it was asked last: they are paid for together with what was read. */
  readonly takeWritten: () => number
}

/** Answers whether to go on. */
export type VisitBatch = (buf: Buffer, at: number, position: number) => boolean

/** Goes through closed segments in slices, no faster than the throttle allows, and only as long as they are part of the log. */
export class SegmentWalk {
  readonly #options: SegmentWalkOptions
  readonly #buffer: Buffer

  constructor(options: SegmentWalkOptions) {
    this.#options = options
    this.#buffer = Buffer.allocUnsafe(Math.min(options.bufferBytes, SLICE_BYTES_MAX))
  }

  /**
   * Visits the batches of a segment.
   *
   * @param intact asked before every slice; default: whether this segment is as it was
   * @throws CleaningAborted; MoldauError CORRUPT_BATCH that names file and position
   */
  async visit(segment: Segment, from: number, visit: VisitBatch, intact = this.watch([segment])): Promise<void> {
    let position = from
    let minOffset = segment.baseOffset
    let enough = false
    while (position < segment.size && !enough) {
      await this.#breathe()
      if (!intact()) throw new CleaningAborted()
      const begin = position
      const end = segment.scan({
        from: begin,
        minOffset,
        verify: true,
        buffer: this.#buffer,
        chunkBytes: this.#buffer.length,
        visit: (buf, at, here) => {
          if (here - begin >= SLICE_BYTES_MAX) return false
          enough = !visited(segment, buf, at, here, visit)
          return !enough
        },
      })
      if (end.reason === 'corrupt' || end.reason === 'torn') throw damaged(segment, end.position)
      position = end.position
      minOffset = end.nextOffset
      await this.pay(position - begin)
    }
  }

  /** Waits for what was read, and written since the last time. */
  async pay(read: number): Promise<void> {
    const { throttle, takeWritten } = this.#options
    await throttle.pause(read + takeWritten(), () => this.#isStopped)
  }

  /** Tells from now on whether these segments are still part of the log, closed for appends and as long as they are now. */
  watch(group: readonly Segment[]): () => boolean {
    const { segments } = this.#options.log.load()
    const sizes = group.map(({ size }) => size)
    return () => {
      if (this.#isStopped || segments.active === group.at(-1)) return false
      return group.every((segment, i) => segments.includes(segment) && segment.size === sizes[i])
    }
  }

  /** Lets everything else run. */
  async #breathe(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve))
    if (this.#isStopped) throw new CleaningAborted()
  }

  get #isStopped(): boolean {
    return this.#options.stopped() || this.#options.log.isClosed
  }
}

function visited(segment: Segment, buf: Buffer, at: number, position: number, visit: VisitBatch): boolean {
  try {
    return visit(buf, at, position)
  } catch (error) {
    if (!(error instanceof MoldauError) || error.code !== 'CORRUPT_BATCH') throw error
    throw damaged(segment, position, messageOf(error))
  }
}

function damaged(segment: Segment, position: number, why = 'no whole batch stands there'): MoldauError {
  return new MoldauError('CORRUPT_BATCH', `${segment.log.path} is damaged at byte ${position}: ${why}`)
}
