import * as batch from '../record/batch.ts'
import type { ScanEnd } from './scan.ts'

/** Kept of one segment: 4 MiB. One with more batches than that is read once more instead. */
const HEADERS_MAX = 65_536

/** The headers of the batches of a segment, from its beginning on without a gap, as a scan has found them. */
export class Headers {
  #buffer: Buffer
  #count: number
  #complete: boolean

  constructor() {
    this.#buffer = Buffer.allocUnsafe(64 * batch.BATCH_OVERHEAD)
    this.#count = 0
    this.#complete = true
  }

  /** All that were added are here; and none is a control batch, of which more than the header counts. */
  get complete(): boolean {
    return this.#complete
  }

  add(buf: Buffer, at: number): void {
    if (!this.#complete) return
    if (this.#count === HEADERS_MAX || batch.isControl(buf, at)) {
      this.#complete = false
      this.#buffer = Buffer.alloc(0)
      return
    }
    const end = this.#count * batch.BATCH_OVERHEAD
    if (end === this.#buffer.length) this.#buffer = Buffer.concat([this.#buffer], 2 * end)
    buf.copy(this.#buffer, end, at, at + batch.BATCH_OVERHEAD)
    this.#count++
  }

  /** What a scan over the same batches would do. */
  visit(visit: (buf: Buffer, at: number, position: number) => boolean | void, minOffset: number): ScanEnd {
    let position = 0
    let nextOffset = minOffset
    for (let i = 0; i < this.#count; i++) {
      const at = i * batch.BATCH_OVERHEAD
      if (visit(this.#buffer, at, position) === false) return { reason: 'stopped', position, nextOffset }
      nextOffset = batch.nextOffset(this.#buffer, at)
      position += batch.sizeInBytes(this.#buffer, at)
    }
    return { reason: 'end', position, nextOffset }
  }
}
