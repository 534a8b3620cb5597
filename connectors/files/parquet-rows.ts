import { zstdDecompressSync } from 'node:zlib'
import type { AsyncBuffer, Compressors, FileMetaData } from 'hyparquet'
import { MoldauError, messageOf } from '../../core/base/errors.ts'
import type { RowReader } from './rows.ts'

/** Beside snappy and uncompressed pages, which the library reads by itself. */
const compressors: Compressors = {
  ZSTD: (input, outputLength) => zstdDecompressSync(input, { maxOutputLength: Math.max(1, outputLength) }),
}

/** Parquet by row groups: one group is decoded at a time, so memory is bounded by the writer's group size. */
export function parquetRows(path: string): RowReader {
  let opened: Promise<{ file: AsyncBuffer; metadata: FileMetaData }> | undefined
  const open = () => (opened ??= openParquet(path))
  return {
    count: async () => Number((await open()).metadata.num_rows),
    async *rows(from) {
      const { file, metadata } = await open()
      let start = 0
      for (const group of metadata.row_groups) {
        const end = start + Number(group.num_rows)
        if (end > from) yield* groupRows(file, metadata, Math.max(start, from), end)
        start = end
      }
    },
  }
}

async function openParquet(path: string) {
  const { asyncBufferFromFile, parquetMetadataAsync } = await import('hyparquet')
  try {
    const file = await asyncBufferFromFile(path)
    return { file, metadata: await parquetMetadataAsync(file) }
  } catch (cause) {
    throw new MoldauError('SERDE_FAILED', `files: ${path} is not a parquet file: ${messageOf(cause)}`, { cause })
  }
}

/** Objects made per chunk: few enough that they die young. */
const chunkRows = 4096

async function* groupRows(file: AsyncBuffer, metadata: FileMetaData, rowStart: number, rowEnd: number): AsyncIterable<readonly unknown[]> {
  const { parquetSchema } = await import('hyparquet')
  const names = parquetSchema(metadata).children.map(({ element }) => element.name)
  const columns: ArrayLike<unknown>[] = []
  // One column after the other: the library's arrays of bigints are several times the size of what is kept of them.
  for (const name of names) columns.push(await readColumn(file, metadata, name, rowStart, rowEnd))
  const count = rowEnd - rowStart
  for (let at = 0; at < count; at += chunkRows) {
    const rows = []
    for (let row = at; row < Math.min(at + chunkRows, count); row++) {
      const value: Record<string, unknown> = {}
      for (let c = 0; c < names.length; c++) value[names[c]!] = columns[c]![row]
      rows.push(value)
    }
    yield rows
  }
}

/** The values of one column in a range of rows: as numbers packed where all are numbers, else one by one. */
async function readColumn(
  file: AsyncBuffer,
  metadata: FileMetaData,
  name: string,
  rowStart: number,
  rowEnd: number,
): Promise<ArrayLike<unknown>> {
  const { parquetRead } = await import('hyparquet')
  const count = rowEnd - rowStart
  let numbers: Float64Array | undefined = new Float64Array(count)
  const others: unknown[] = []
  await parquetRead({
    file,
    metadata,
    compressors,
    parsers,
    columns: [name],
    rowStart,
    rowEnd,
    onChunk({ columnData, rowStart: first }) {
      // A page may begin before the rows asked for.
      for (let i = Math.max(0, rowStart - first); i < columnData.length && first + i < rowEnd; i++) {
        const row = first + i - rowStart
        const value = plain(columnData[i], name)
        if (typeof value === 'number' && numbers !== undefined) {
          numbers[row] = value
          continue
        }
        // Not numbers after all: what came before is taken over.
        for (let done = 0; numbers !== undefined && done < row; done++) others[done] = numbers[done]
        numbers = undefined
        others[row] = value
      }
    },
  })
  return numbers ?? others
}

/** Times as milliseconds since 1970, not as a Date for each. */
const parsers = {
  timestampFromMilliseconds: (millis: bigint) => Number(millis),
  timestampFromMicroseconds: (micros: bigint) => Number(micros / 1000n),
  timestampFromNanoseconds: (nanos: bigint) => Number(nanos / 1_000_000n),
}

/** Dates as milliseconds, 64-bit integers as numbers: what serdes of other formats use. */
function plain(value: unknown, column: string): unknown {
  if (typeof value !== 'bigint') return value instanceof Date ? value.getTime() : value
  const number = Number(value)
  if (Number.isSafeInteger(number)) return number
  throw new MoldauError('SERDE_FAILED', `column ${column}: ${value} is beyond the exact range of numbers (2^53)`)
}
