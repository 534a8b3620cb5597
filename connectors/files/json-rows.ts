import { open } from 'node:fs/promises'
import { MoldauError } from '../../core/base/errors.ts'
import type { RowReader } from './rows.ts'

const chunkRows = 1024

/** A JSON value a line; empty lines are skipped and count as no row. */
export function jsonRows(path: string): RowReader {
  return {
    count: () => Promise.resolve(undefined),
    async *rows(from) {
      const file = await open(path)
      try {
        let line = 0
        let row = 0
        let chunk: unknown[] = []
        for await (const text of file.readLines()) {
          line++
          if (text === '' || row++ < from) continue
          chunk.push(parse(text, path, line))
          if (chunk.length < chunkRows) continue
          yield chunk
          chunk = []
        }
        if (chunk.length > 0) yield chunk
      } finally {
        await file.close()
      }
    },
  }
}

function parse(text: string, path: string, line: number): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new MoldauError(
      'SERDE_FAILED',
      `files: line ${line} of ${path} is not JSON: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    )
  }
}
