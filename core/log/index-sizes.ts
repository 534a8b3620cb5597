import { join } from 'node:path'
import { MoldauError } from '../base/errors.ts'
import type { Files } from '../base/files.ts'
import { checkpointText, readCheckpoint } from './checkpoint.ts'

const FILE = 'index-size-checkpoint'

/** Bytes of the indexes of a closed segment. */
export interface SealedSizes {
  readonly offsets: number
  readonly times: number
  readonly transactions: number
}

/**
 * How large the indexes of each segment were when they were written (`index-size-checkpoint`, ours; Kafka passes over it). An index has no
 * checksum and may end anywhere: one that lost its last entries looks like a good one, tells of too old a time, and knows nothing of
 * transactions that were aborted. Only a hint: without it an index is taken as it is, and where it is wrong the index is made again.
 */
export class IndexSizes {
  readonly #files: Files
  readonly #path: string
  #sizes: Map<number, SealedSizes> | undefined

  constructor(files: Files, directory: string) {
    this.#files = files
    this.#path = join(directory, FILE)
    this.#sizes = undefined
  }

  of(baseOffset: number): SealedSizes | undefined {
    return this.#all().get(baseOffset)
  }

  /** Notes what a segment's indexes are like on the disk. */
  note(baseOffset: number, sizes: SealedSizes): void {
    const all = this.#all()
    const known = all.get(baseOffset)
    if (known?.offsets === sizes.offsets && known.times === sizes.times && known.transactions === sizes.transactions) return
    all.set(baseOffset, sizes)
    this.#save()
  }

  /** Forgets segments that are gone. Written with the next note. */
  dropBelow(baseOffset: number): void {
    const all = this.#all()
    for (const base of all.keys()) if (base < baseOffset) all.delete(base)
  }

  #all(): Map<number, SealedSizes> {
    this.#sizes ??= this.#load()
    return this.#sizes
  }

  #load(): Map<number, SealedSizes> {
    const sizes = new Map<number, SealedSizes>()
    for (const line of readCheckpoint(this.#files, this.#path) ?? []) {
      const match = /^(\d+) (\d+) (\d+) (\d+)$/.exec(line)
      if (match === null) return new Map()
      const [base, offsets, times, transactions] = match.slice(1).map(Number)
      sizes.set(base!, { offsets: offsets!, times: times!, transactions: transactions! })
    }
    return sizes
  }

  #save(): void {
    const lines = Array.from(this.#all(), ([base, { offsets, times, transactions }]) => `${base} ${offsets} ${times} ${transactions}`)
    try {
      this.#files.writeFile(this.#path, checkpointText(lines))
    } catch (error) {
      // A disk that is full must not stop who reads for the sake of a hint.
      if (!(error instanceof MoldauError) || error.code !== 'STORAGE_FAILED') throw error
    }
  }
}
