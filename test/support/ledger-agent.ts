import { Chain, type ChainOptions } from '../../connectors/hdfs/ledger/chain.ts'
import type { Draft } from '../../connectors/hdfs/ledger/draft.ts'
import type { FileEntry, StoredEntry } from '../../connectors/hdfs/ledger/entry.ts'
import { filesOf } from '../../connectors/hdfs/ledger/history.ts'
import { OffsetsSum } from '../../connectors/hdfs/ledger/offsets-sum.ts'
import { writeFile } from '../../connectors/hdfs/ledger/write-file.ts'
import type { FileSystem } from '../../connectors/hdfs/fs/types.ts'
import type { ReportedPosition, SourcePartition } from '../../connectors/types.ts'
import { seededRandom } from './ledger-kit.ts'
import type { MemoryTree } from './ledger-memory.ts'

/** Offsets 2, 5, 8, … are markers: no record. */
export function isRecord(offset: number): boolean {
  return offset % 3 !== 2
}

export function recordsBetween(from: number, next: number): number[] {
  return Array.from({ length: Math.max(0, next - from) }, (_, i) => from + i).filter(isRecord)
}

/** A writer of the lake that is all ledger: its data files are lists of offsets, in two directories. */
export class Agent {
  readonly chain: Chain
  readonly fs: FileSystem
  #n = 0
  /** Where it goes on. */
  position = 0

  constructor(fs: FileSystem, seed: number, options: Partial<ChainOptions> = {}) {
    this.fs = fs
    this.chain = new Chain({
      fs,
      sink: 'archive',
      topic: 'flights',
      partition: 0,
      clusterId: 'cluster-a',
      pipeline: 'archive',
      startAt: 'earliest',
      policies: { adopt: false, reset: false, gap: 'stop' },
      writer: { host: 'h', pid: seed, version: '0' },
      random: seededRandom(seed),
      now: () => 0,
      report: () => undefined,
      ...options,
    })
  }

  async start(source: Partial<SourcePartition> = {}, reported?: ReportedPosition): Promise<void> {
    const topic = { topicId: 'topic-id', logStartOffset: 0, logEndOffset: 1_000_000, ...source }
    this.position = (await this.chain.start(topic, reported)).offset
  }

  /** Stages the records from the position up to `next`, a file for even and one for odd offsets. */
  async stage(next: number, offsets = recordsBetween(this.position, next)): Promise<FileEntry[]> {
    const files: FileEntry[] = []
    for (const parity of [0, 1]) {
      const own = offsets.filter((offset) => offset % 2 === parity)
      if (own.length === 0) continue
      const n = this.#n++
      await writeFile(this.fs, this.chain.stagedPath(n), Buffer.from(JSON.stringify(own)))
      files.push(describe(own, this.chain.stagedName(n), `dt=${parity}/${this.chain.finalName(own[0]!, own.at(-1)!, n)}`))
    }
    return files
  }

  async put(next: number, files: readonly FileEntry[], more: Partial<Draft> = {}): Promise<StoredEntry> {
    const records = more.kind === 'replace' ? 0 : files.reduce((sum, file) => sum + file.records, 0)
    const draft: Draft = { next, leaderEpoch: 0, logStart: 0, records, filtered: 0, deadLettered: 0, files, ...more }
    const stored = await this.chain.commit(draft)
    this.position = next
    return stored
  }

  async commit(next: number): Promise<void> {
    await this.put(next, await this.stage(next))
  }
}

function describe(offsets: readonly number[], staged: string, path: string): FileEntry {
  const sum = new OffsetsSum()
  for (const offset of offsets) sum.add(offset)
  const bytes = JSON.stringify(offsets).length
  const [first, last] = [offsets[0]!, offsets.at(-1)!]
  return {
    staged,
    path,
    bytes,
    records: offsets.length,
    first,
    last,
    offsetsSum: sum.hex,
    crc32c: '',
    schema: '',
    minTimestamp: 0,
    maxTimestamp: 0,
  }
}

const CHAIN = '_moldau/archive/flights/0'

/** The invariants I1 to I5 and I8 of the ledger paper, in one look at everything. Undefined: they hold. */
export function violation(tree: MemoryTree): string | undefined {
  return brokenChain(tree) ?? badFiles(tree) ?? freedWithoutCheckpoint(tree)
}

/** Every record below the head is visible, once; for a moment when nobody is at work. */
export function incomplete(tree: MemoryTree): string | undefined {
  const next = [...tree.committed.values()].at(-1)?.entry.next ?? 0
  const seen = new Set(visibleOffsets(tree))
  const gaps = [...tree.committed.values()].flatMap(({ entry }) => entry.gaps)
  const expected = recordsBetween(0, next).filter((offset) => !gaps.some((gap) => offset >= gap.from && offset < gap.next))
  const missing = expected.filter((offset) => !seen.has(offset))
  return missing.length === 0 ? undefined : `LOSS: offsets ${missing.join(', ')} below ${next} are not visible`
}

export function visibleOffsets(tree: MemoryTree): number[] {
  return tree
    .visible()
    .flatMap((path) => offsetsIn(tree, path))
    .toSorted((a, b) => a - b)
}

function offsetsIn(tree: MemoryTree, path: string): number[] {
  return JSON.parse(tree.files.get(path)!.toString()) as number[]
}

function brokenChain(tree: MemoryTree): string | undefined {
  let seq = 0
  let next = 0
  for (const [number, { entry }] of tree.committed) {
    if (number !== ++seq) return `I1: entry ${number} follows entry ${seq - 1}`
    if (entry.from !== next) return `I1: entry ${number} begins at ${entry.from}, expected ${next}`
    next = entry.next
  }
  return undefined
}

function badFiles(tree: MemoryTree): string | undefined {
  const entries = [...tree.committed.values()]
  const everNamed = new Set(entries.flatMap(({ entry }) => entry.files.map(({ path }) => path)))
  const seen = new Map<number, string>()
  for (const path of tree.visible()) {
    if (!everNamed.has(path)) return `I3: ${path} is visible, and no entry that counts names it`
    for (const offset of offsetsIn(tree, path)) {
      const other = seen.get(offset)
      if (other !== undefined) return `I4: offset ${offset} is visible in ${other} and in ${path}`
      seen.set(offset, path)
    }
  }
  for (const { file, seq } of filesOf(entries).values()) {
    const staged = tree.files.has(`${CHAIN}/${file.staged}`)
    const moved = tree.files.has(file.path)
    if (!staged && !moved) return `I2 LOSS: ${file.path} of entry ${seq} is nowhere`
    if (!moved && seq < entries.length) return `I5: ${file.path} of entry ${seq}, below the newest, is not in its place`
  }
  return undefined
}

function freedWithoutCheckpoint(tree: MemoryTree): string | undefined {
  let newest = 0
  for (const { name } of tree.list(`${CHAIN}/checkpoint`) ?? []) newest = Math.max(newest, Number.parseInt(name, 10))
  for (const seq of tree.committed.keys()) {
    const there = tree.files.has(`${CHAIN}/ledger/${String(seq).padStart(20, '0')}.json`)
    if (!there && seq > newest) return `I8: entry ${seq} was deleted, and the newest checkpoint is ${newest}`
  }
  return undefined
}
