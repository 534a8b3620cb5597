import { readFileSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as batch from '../../core/record/batch.ts'
import { batches } from '../../core/record/records.ts'

/** What a crash leaves behind the last whole write. `cut`: bytes of a last batch that nobody was told of are missing; only without power. */
const tails = ['nothing', 'zeros', 'garbage', 'half a batch', 'a damaged batch', 'cut'] as const
export type Tail = (typeof tails)[number]

const SECTOR = 512

export interface TornTail {
  /** The folder of a partition whose broker is dead. */
  readonly directory: string
  /** Everything below was acknowledged. Infinity: nothing may be cut. */
  readonly acknowledgedTo: number
  readonly random: () => number
}

/**
 * Leaves the last segment of a partition as a crash in the middle of a write may: what was acknowledged is whole, and behind it stands anything.
 * Answers what was done.
 */
export function tearTail({ directory, acknowledgedTo, random }: TornTail): Tail {
  const path = lastSegment(directory)
  if (path === undefined) return 'nothing'
  const content = readFileSync(path)
  const below = (n: number): number => Math.floor(random() * n)
  const append = (bytes: Uint8Array): void => writeFileSync(path, bytes, { flag: 'a' })
  const last = lastBatch(content)
  const tail = tails[below(tails.length)]!
  if (tail === 'zeros') append(Buffer.alloc(1 + below(3 * SECTOR)))
  else if (tail === 'garbage') append(Uint8Array.from({ length: 1 + below(3 * SECTOR) }, () => below(256)))
  else if (last === undefined) return 'nothing'
  else if (tail === 'half a batch') {
    const next = nextBatch(content, last)
    append(next.subarray(0, 1 + below(next.length - 1)))
  } else if (tail === 'a damaged batch') {
    const next = nextBatch(content, last)
    // A sector of it was not written.
    const at = Math.min(next.length - 1, batch.BATCH_OVERHEAD + below(next.length))
    next.fill(0, at, Math.min(next.length, at + SECTOR))
    next[at - 1]! ^= 1
    append(next)
  } else if (tail === 'cut') {
    if (batch.baseOffset(content, last) < acknowledgedTo) return 'nothing'
    truncateSync(path, last + below(content.length - last))
  }
  return tail
}

/** Without the note under which start of the machine it was written, what was not synced may be gone, and everything is checked. */
export function forgetBoot(dir: string): void {
  rmSync(join(dir, 'boot-id'), { force: true })
}

function lastSegment(directory: string): string | undefined {
  const names = readdirSync(directory).filter((name) => name.endsWith('.log'))
  const name = names.sort().at(-1)
  return name && join(directory, name)
}

/** Where the last batch begins; undefined when there is none, or the file ends in something else. */
function lastBatch(content: Buffer): number | undefined {
  try {
    const all = [...batches(content)]
    const last = all.at(-1)
    return last !== undefined && last + batch.sizeInBytes(content, last) === content.length ? last : undefined
  } catch {
    return undefined
  }
}

/** A copy of the batch with the offsets that follow it: what might have been written next. */
function nextBatch(content: Buffer, at: number): Buffer {
  const copy = Buffer.from(content.subarray(at))
  batch.setBaseOffset(copy, 0, batch.nextOffset(content, at))
  return copy
}
