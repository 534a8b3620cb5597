import { zstdDecompressSync } from 'node:zlib'
import type { AsyncBuffer, Compressors, FileMetaData } from 'hyparquet'
import { MoldauError } from '../../core/base/errors.ts'
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
    throw new MoldauError(
      'SERDE_FAILED',
      `files: ${path} is not a parquet file: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    )
  }
}

/** Objects made per chunk: few enough that they die young. */
const chunkRows = 4096

async function* groupRows(file: AsyncBuffer, metadata: FileMetaData, rowStart: number, rowEnd: number): AsyncIterable<readonly unknown[]> {
  const { parquetRead } = await import('hyparquet')
  const count = rowEnd - rowStart
  const columns = new Map<string, unknown[]>()
  await parquetRead({
    file,
    metadata,
    compressors,
    rowStart,
    rowEnd,
    onChunk({ columnName, columnData, rowStart: first }) {
      const column = columns.get(columnName) ?? Array.from({ length: count })
      columns.set(columnName, column)
      // A page may begin before the rows asked for.
      for (let i = Math.max(0, rowStart - first); i < columnData.length && first + i < rowEnd; i++) {
        column[first + i - rowStart] = plain(columnData[i])
      }
    },
  })
  const build = rowBuilder([...columns.keys()])
  const data = [...columns.values()]
  for (let at = 0; at < count; at += chunkRows) {
    const end = Math.min(at + chunkRows, count)
    const rows = []
    for (let i = at; i < end; i++) rows.push(build(data, i))
    yield rows
  }
}

/** Dates as milliseconds, 64-bit integers as numbers: what serdes of other formats use. */
function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value)
  return value instanceof Date ? value.getTime() : value
}

function rowBuilder(names: readonly string[]): (columns: readonly (readonly unknown[])[], row: number) => unknown {
  return (columns, row) => {
    const value: Record<string, unknown> = {}
    for (let c = 0; c < names.length; c++) value[names[c]!] = columns[c]![row]
    return value
  }
}
