import { openFileSystem } from './fs/url.ts'
import type { WebHdfsOptions } from './fs/webhdfs/options.ts'
import { filesOf, readHistory } from './ledger/history.ts'
import { findChains } from './lake.ts'

/** One topic-partition in a lake, from its ledger. */
export interface LakePartition {
  readonly sink: string
  readonly pipeline: string
  readonly topic: string
  readonly partition: number
  /** First offset of the chain, and the one that comes next. */
  readonly from: number
  readonly next: number
  readonly entries: number
  readonly records: number
  readonly files: number
  readonly bytes: number
  /** Directories with files, e.g. days. */
  readonly directories: number
  /** When the last commit was (ISO 8601); undefined: never. */
  readonly at: string | undefined
  readonly minTimestamp: number | undefined
  readonly maxTimestamp: number | undefined
}

/** What is in a lake, by sink, topic and partition, as the ledgers say it; no data file is touched. Empty: there is no ledger. */
export async function lakeInfo(url: string, webhdfs?: WebHdfsOptions): Promise<LakePartition[]> {
  const partitions: LakePartition[] = []
  for (const { sink, identity, context } of await findChains(openFileSystem(url, webhdfs))) {
    const entries = await readHistory(context, identity?.uuid)
    const files = [...filesOf(entries).values()].map(({ file }) => file)
    const last = entries.at(-1)?.entry
    partitions.push({
      sink,
      pipeline: identity?.pipeline ?? '',
      topic: context.topic,
      partition: context.partition,
      from: entries[0]?.entry.from ?? 0,
      next: last?.next ?? 0,
      entries: entries.length,
      records: files.reduce((sum, file) => sum + file.records, 0),
      files: files.length,
      bytes: files.reduce((sum, file) => sum + file.bytes, 0),
      directories: new Set(files.map(({ path }) => path.slice(0, Math.max(0, path.lastIndexOf('/'))))).size,
      at: last?.at,
      minTimestamp: files.length === 0 ? undefined : files.reduce((min, file) => Math.min(min, file.minTimestamp), Infinity),
      maxTimestamp: files.length === 0 ? undefined : files.reduce((max, file) => Math.max(max, file.maxTimestamp), -Infinity),
    })
  }
  return partitions
}
