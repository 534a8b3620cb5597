import { open } from 'node:fs/promises'
import { MoldauError, messageOf } from '../../core/base/errors.ts'
import type { RowReader } from './rows.ts'

const chunkRows = 1024
const byteOrderMark = '\uFEFF'

/** A JSON value a line; lines without anything but spaces are skipped and count as no row. */
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
          // Editors of some systems begin a file with a byte order mark.
          const json = line === 1 && text.startsWith(byteOrderMark) ? text.slice(1) : text
          if (json.trim() === '' || row++ < from) continue
          chunk.push(parse(json, path, line))
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
    throw new MoldauError('SERDE_FAILED', `files: line ${line} of ${path} is not JSON: ${messageOf(cause)}; correct or remove it`, {
      cause,
    })
  }
}
