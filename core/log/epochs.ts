import { join } from 'node:path'
import type { Files } from '../base/files.ts'
import { checkpointText, readCheckpoint } from './checkpoint.ts'

export interface EpochEntry {
  readonly epoch: number
  /** The first offset that a leader of this epoch wrote. */
  readonly startOffset: number
}

/** Where an epoch ends: the largest epoch known that is at most the one asked for, and the offset after its last record. */
export interface EpochEnd {
  /** -1 when the log knows no such epoch. */
  readonly leaderEpoch: number
  readonly endOffset: number
}

const FILE = 'leader-epoch-checkpoint'

/** Which leader epoch wrote which part of the log (`leader-epoch-checkpoint`, KIP-101). Kafka's `LeaderEpochFileCache`. */
export class LeaderEpochs {
  readonly #files: Files
  readonly #path: string
  /** The file is not what it should be, or may not be there after a power loss. */
  unsynced: boolean
  #entries: EpochEntry[]

  constructor(files: Files, directory: string) {
    this.#files = files
    this.#path = join(directory, FILE)
    this.unsynced = false
    this.#entries = []
  }

  /** Reads the file. False when there is none that makes sense: the log then tells the epochs. */
  load(): boolean {
    const entries: EpochEntry[] = []
    for (const line of readCheckpoint(this.#files, this.#path) ?? ['damaged']) {
      const match = /^(\d+) (\d+)$/.exec(line)
      const previous = entries.at(-1)
      const entry = { epoch: Number(match?.[1]), startOffset: Number(match?.[2]) }
      const follows = previous === undefined || (entry.epoch > previous.epoch && entry.startOffset >= previous.startOffset)
      if (match === null || !follows) return false
      entries.push(entry)
    }
    this.#entries = entries
    return true
  }

  /** Writes the file, so that it is the old or the new one; {@link LeaderEpochs.sync} makes it last. A damaged one is made from the log. */
  save(): void {
    this.unsynced = true
    const lines = this.#entries.map(({ epoch, startOffset }) => `${epoch} ${startOffset}`)
    this.#files.writeFile(`${this.#path}.tmp`, checkpointText(lines))
    this.#files.rename(`${this.#path}.tmp`, this.#path)
  }

  /** Writes the file and syncs it; the folder is the caller's. */
  async sync(): Promise<void> {
    this.save()
    this.unsynced = false
    const file = this.#files.open(this.#path, 'write')
    try {
      await file.sync()
    } catch (error) {
      this.unsynced = true
      throw error
    } finally {
      file.close()
    }
  }

  get latest(): number {
    return this.#entries.at(-1)?.epoch ?? -1
  }

  entries(): readonly EpochEntry[] {
    return this.#entries
  }

  /** Takes note that `epoch` begins at `startOffset`. Answers whether that was new. */
  assign(epoch: number, startOffset: number): boolean {
    if (epoch <= this.latest) return false
    this.unsynced = true
    // An epoch that wrote nothing ends where it began.
    this.#entries = this.#entries.filter((entry) => entry.startOffset < startOffset)
    this.#entries.push({ epoch, startOffset })
    return true
  }

  /** The epoch of the record at `offset`, -1 when not known. */
  epochAt(offset: number): number {
    return this.#entries.findLast((entry) => entry.startOffset <= offset)?.epoch ?? -1
  }

  endOffset(epoch: number, logEndOffset: number): EpochEnd {
    if (epoch < 0 || epoch > this.latest) return { leaderEpoch: -1, endOffset: -1 }
    if (epoch === this.latest) return { leaderEpoch: epoch, endOffset: logEndOffset }
    const next = this.#entries.findIndex((entry) => entry.epoch > epoch)
    const floor = this.#entries[next - 1]
    return { leaderEpoch: floor?.epoch ?? epoch, endOffset: this.#entries[next]!.startOffset }
  }

  /** Drops what begins at or after `endOffset`. Answers whether anything did. */
  truncateEnd(endOffset: number): boolean {
    const kept = this.#entries.filter((entry) => entry.startOffset < endOffset)
    return this.#keep(kept)
  }

  /** Drops what ends at or before `startOffset`; the epoch in force there begins there. */
  truncateStart(startOffset: number): boolean {
    const kept = this.#entries.filter((entry) => entry.startOffset > startOffset)
    const inForce = this.#entries.findLast((entry) => entry.startOffset <= startOffset)
    if (inForce === undefined) return false
    return this.#keep([{ epoch: inForce.epoch, startOffset }, ...kept], inForce.startOffset !== startOffset)
  }

  clear(): void {
    this.#entries = []
    this.unsynced = true
  }

  #keep(entries: EpochEntry[], changed = false): boolean {
    if (!changed && entries.length === this.#entries.length) return false
    this.#entries = entries
    this.unsynced = true
    return true
  }
}
