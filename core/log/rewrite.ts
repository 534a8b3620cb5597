import { MoldauError } from '../base/errors.ts'
import * as batch from '../record/batch.ts'
import { LOG, offsetInName } from './file-names.ts'
import type { LogContext } from './log-context.ts'
import type { OpenLog } from './open-log.ts'
import type { Segment } from './segment.ts'

/** Written at a time, and looked at without letting anything else run. */
const RUN_BYTES = 1024 * 1024
const TURN_BYTES = 8 * RUN_BYTES

export interface RewriteOptions {
  readonly context: LogContext
  readonly log: OpenLog
  /** Everything below was synced before and stays as it is. */
  readonly from: number
  /** The log was closed meanwhile: its files may belong to somebody else. */
  readonly stopped: () => boolean
}

/**
 * Writes everything from an offset on once more, to be synced by the caller. After a failed sync Linux counts the pages that it could not
 * write as written, so that the next sync would succeed and prove nothing ("fsyncgate"): they must be made dirty again. What is read back
 * may be the page or, when that was dropped, what the disk has; so each batch is checked, and the log is cut where one is not as it was
 * appended. Remains of failed writes behind the end, and files of a segment that was not begun, are removed.
 */
export async function rewrite({ context, log, from, stopped }: RewriteOptions): Promise<void> {
  removeUnknown(context, log)
  for (const segment of log.segments.from(from)) {
    let position = segment.baseOffset >= from ? 0 : segment.finder.position(from)
    let offset = Math.max(from, segment.baseOffset)
    while (position < segment.size) {
      const end = rewriteTurn(segment, position, offset)
      position = end.position
      offset = end.nextOffset
      if (end.reason === 'torn' || end.reason === 'corrupt') return cut(context, log, segment, position, offset)
      await new Promise((resolve) => setImmediate(resolve))
      if (stopped()) throw new MoldauError('CLOSED', `${context.name}: the log is closed`)
    }
    segment.log.file.truncate(segment.size)
    if (segment !== log.segments.active) segment.indexes.rewrite()
  }
}

/** Rewrites some megabytes; `stopped`: more follows. */
function rewriteTurn(segment: Segment, from: number, minOffset: number): ReturnType<Segment['scan']> {
  const run = new Run(segment, from)
  const end = segment.scan({
    from,
    minOffset,
    verify: true,
    visit(buf, at, position) {
      if (position - from >= TURN_BYTES) return false
      run.add(buf.subarray(at, at + batch.sizeInBytes(buf, at)))
      return true
    },
  })
  run.write()
  return end
}

/** Batches that follow each other, copied while they are in memory and written together. */
class Run {
  readonly #segment: Segment
  readonly #chunks: Buffer[]
  #position: number
  #bytes: number

  constructor(segment: Segment, position: number) {
    this.#segment = segment
    this.#chunks = []
    this.#position = position
    this.#bytes = 0
  }

  add(bytes: Buffer): void {
    this.#chunks.push(Buffer.from(bytes))
    this.#bytes += bytes.length
    if (this.#bytes >= RUN_BYTES) this.write()
  }

  write(): void {
    if (this.#bytes === 0) return
    this.#segment.log.file.write([Buffer.concat(this.#chunks)], this.#position)
    this.#position += this.#bytes
    this.#chunks.length = 0
    this.#bytes = 0
  }
}

function cut(context: LogContext, log: OpenLog, segment: Segment, position: number, offset: number): void {
  const { endOffset } = log
  const fields = { file: segment.log.path, position, offset, endOffset, lost: endOffset - offset }
  context.error(
    fields,
    'records that were never synced cannot be read back after the disk failed: cut off (none was acknowledged by a sync)',
  )
  log.cut(segment, position, offset)
}

/** A roll that failed half-way may have left the file of a segment that the log does not have: a restart would take it for a border. */
function removeUnknown({ files, directory }: LogContext, log: OpenLog): void {
  const { active } = log.segments
  for (const { name } of files.readdir(directory)) {
    const offset = offsetInName(name, LOG)
    if (offset !== undefined && offset > active.baseOffset) files.unlink(`${directory}/${name}`)
  }
}
