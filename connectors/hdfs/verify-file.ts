import { crc32c } from '../../core/base/crc32c.ts'
import { MoldauError } from '../../core/base/errors.ts'
import { scanAvro } from '../avro/scan.ts'
import type { ChainContext } from './ledger/context.ts'
import { hex32, type FileEntry } from './ledger/entry.ts'
import { filesOf, readHistory } from './ledger/history.ts'
import type { VerifyProblem } from './verify-report.ts'

export interface FileToCheck {
  readonly context: ChainContext
  readonly file: FileEntry
  readonly seq: number
  /** Only the newest entry's files may still be where they were written. */
  readonly mayBeStaged: boolean
}

/** Reads a file to its end; undefined: it is what was committed. */
export async function checkFile(item: FileToCheck): Promise<VerifyProblem | undefined> {
  const { context, file, seq } = item
  const { topic, partition, fs } = context
  const problem = (kind: VerifyProblem['kind'], what: string): VerifyProblem => {
    const message = `${file.path} (entry ${seq} of ${topic}-${partition}, offsets ${file.first} to ${file.last}): ${what}`
    return { kind, topic, partition, path: file.path, message }
  }
  const chunks =
    (await fs.stream(file.path)) ??
    (item.mayBeStaged ? await fs.stream(`${context.paths.chain}/${file.staged}`) : undefined) ??
    (await fs.stream(file.path))
  if (chunks === undefined) return (await isReplaced(item)) ? undefined : problem('missing', 'it is not there')
  let bytes = 0
  let crc = 0
  async function* counted(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of source) {
      bytes += chunk.length
      crc = crc32c(chunk, 0, chunk.length, crc)
      yield chunk
    }
  }
  const scanned = await scan(counted(chunks))
  if (bytes < file.bytes && !(scanned instanceof MoldauError && scanned.code !== 'CORRUPT_BATCH')) {
    return problem('truncated', `it has ${bytes} bytes of ${file.bytes}`)
  }
  if (scanned instanceof MoldauError) return problem('damaged', scanned.message)
  if (bytes !== file.bytes || hex32(crc) !== file.crc32c)
    return problem('damaged', 'its bytes are not those that were committed: it was changed or swapped')
  if (scanned !== file.records) return problem('damaged', `it has ${scanned} records, and the entry says ${file.records}`)
  return undefined
}

async function scan(chunks: AsyncIterable<Buffer>): Promise<number | MoldauError> {
  try {
    return (await scanAvro(chunks)).records
  } catch (error) {
    if (error instanceof MoldauError && error.code === 'CORRUPT_BATCH') return error
    throw error
  }
}

/** Compacted away since the ledger was read. */
async function isReplaced({ context, file }: FileToCheck): Promise<boolean> {
  return !filesOf(await readHistory(context, undefined)).has(file.path)
}
