import { MoldauError } from '../../core/base/errors.ts'
import { openFileSystem } from './fs/url.ts'
import type { FileSystem } from './fs/types.ts'
import type { WebHdfsOptions } from './fs/webhdfs/options.ts'
import { filesOf, readHistory } from './ledger/history.ts'
import { findChains, visibleFiles, type FoundChain } from './lake.ts'
import { accountOf, emptyAccount, type Account } from './verify-account.ts'
import { checkFile, type FileToCheck } from './verify-file.ts'
import type { VerifiedTopic, VerifyProblem, VerifyReport } from './verify-report.ts'

export interface VerifyOptions {
  /** The lake, as the sink was given it. */
  readonly url: string
  /** How a `webhdfs:` or `swebhdfs:` URL is reached. */
  readonly webhdfs?: WebHdfsOptions
  /** Only this topic; files that no ledger names are then not looked for. */
  readonly topic?: string
  /** Files read at the same time. Default 4. */
  readonly concurrency?: number
  readonly onProgress?: (progress: VerifyProgress) => void
}

export interface VerifyProgress {
  /** Read so far. */
  readonly files: number
  readonly filesTotal: number
  readonly bytes: number
  readonly bytesTotal: number
}

const CONCURRENCY = 4

/**
 * Proves from the ledgers and the files of a lake that each offset of each partition is there exactly once, or accounted for: every
 * entry follows the one before it, the offsets of an entry's files add up to its range, every file has the bytes that were committed
 * (length, CRC-32C) and the records that were counted, and no other file is in the way of a reader.
 *
 * Offsets without a record (transaction markers, compacted records) are counted as `holes`: that there was nothing at them can only be
 * proven against the topic, while it still has them. The lake may be written meanwhile.
 *
 * Throws INPUT_MISSING when there is no ledger at the URL; what is wrong with a lake is in the report.
 */
export async function verify(options: VerifyOptions): Promise<VerifyReport> {
  return await verifyLake(openFileSystem(options.url, options.webhdfs), options)
}

/** {@link verify} on a given file system. */
export async function verifyLake(fs: FileSystem, options: VerifyOptions): Promise<VerifyReport> {
  // Files first: whatever a reader sees now was committed before now, so the ledgers read after this must name it.
  const visible = options.topic === undefined ? await visibleFiles(fs) : new Set<string>()
  const chains = await findChains(fs, options.topic)
  if (chains.length === 0) {
    const what = options.topic === undefined ? 'no ledger' : `no ledger of topic ${options.topic}`
    throw new MoldauError(
      'INPUT_MISSING',
      `${fs.url}: ${what} (a directory _moldau) is there; give the directory that the sink was given as url`,
    )
  }
  const problems: VerifyProblem[] = []
  const named = new Map<string, FileToCheck>()
  const topics = new Map<string, VerifiedTopic>()
  for (const chain of chains) await verifyChain(chain, topics, named, problems)
  for (const path of visible) {
    if (!named.has(path)) problems.push({ kind: 'orphan', path, message: `${path}: no entry of any ledger names it, and readers see it` })
  }
  await checkFiles([...named.values()], options, problems)
  return { url: fs.url, ok: problems.length === 0, topics: [...topics.values()], problems }
}

async function verifyChain(
  chain: FoundChain,
  topics: Map<string, VerifiedTopic>,
  named: Map<string, FileToCheck>,
  problems: VerifyProblem[],
): Promise<void> {
  const { sink, identity, context } = chain
  const { topic, partition } = context
  const key = `${sink}/${topic}`
  const before: VerifiedTopic = topics.get(key) ?? { sink, topic, partitions: 0, ...emptyAccount }
  const problem = (kind: VerifyProblem['kind'], message: string, path?: string): void => {
    problems.push({ kind, topic, partition, message, ...(path === undefined ? {} : { path }) })
  }
  let account = emptyAccount
  try {
    const entries = await readHistory(context, identity?.uuid)
    account = accountOf(entries, (message) => problem('offsets', `${topic}-${partition}: ${message}`))
    for (const [path, { file, seq }] of filesOf(entries)) {
      const other = named.get(path)
      if (other !== undefined)
        problem('doubled', `${path} is named by entry ${seq} of ${topic}-${partition} and by entry ${other.seq} too`, path)
      named.set(path, { context, file, seq, mayBeStaged: seq === entries.length })
    }
  } catch (error) {
    if (!(error instanceof MoldauError) || error.code === 'STORAGE_FAILED') throw error
    problem('ledger', error.message)
  }
  topics.set(key, { ...before, ...add(before, account), partitions: before.partitions + 1 })
}

function add(a: Account, b: Account): Account {
  const sum = { ...a }
  for (const name of Object.keys(a) as (keyof Account)[])
    if (name in emptyAccount) (sum as Record<keyof Account, number>)[name] = a[name] + b[name]
  return sum
}

async function checkFiles(files: readonly FileToCheck[], options: VerifyOptions, problems: VerifyProblem[]): Promise<void> {
  const progress = { files: 0, filesTotal: files.length, bytes: 0, bytesTotal: files.reduce((sum, { file }) => sum + file.bytes, 0) }
  options.onProgress?.({ ...progress })
  let next = 0
  const worker = async (): Promise<void> => {
    for (let item = files[next++]; item !== undefined; item = files[next++]) {
      const found = await checkFile(item)
      if (found !== undefined) problems.push(found)
      progress.files++
      progress.bytes += item.file.bytes
      options.onProgress?.({ ...progress })
    }
  }
  await Promise.all(Array.from({ length: options.concurrency ?? CONCURRENCY }, worker))
}
