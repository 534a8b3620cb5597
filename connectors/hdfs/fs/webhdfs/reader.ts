import type { IncomingMessage } from 'node:http'
import { NoAnswer } from './exchange.ts'

/** How often in a row a file may break off without a byte more before it is given up. */
const STALLS_MAX = 5

/** Opens the file at an offset; undefined: it is not there. */
export type OpenAt = (offset: number) => Promise<IncomingMessage | undefined>

/** The content of a file. Where a DataNode breaks off another one goes on at that offset. @throws NoAnswer */
export async function* readPieces(first: IncomingMessage, openAt: OpenAt): AsyncGenerator<Buffer> {
  let offset = 0
  let stalls = 0
  // Without a length it ends where the answer does, which HTTP tells from breaking off.
  const total = lengthOf(first)
  for (let response: IncomingMessage | undefined = first; response !== undefined; response = await openAt(offset)) {
    const before = offset
    try {
      for await (const chunk of response) {
        offset += (chunk as Buffer).length
        yield chunk as Buffer
      }
      if (total === undefined || offset >= total) return
    } catch (error) {
      stalls = offset > before ? 0 : stalls + 1
      if (stalls >= STALLS_MAX) throw new NoAnswer(true, error as Error)
    }
    // Asking for what is behind the last byte is refused.
    if (offset === total) return
  }
  throw new NoAnswer(true, new Error(`the file was deleted while it was read, at byte ${offset}`))
}

function lengthOf(response: IncomingMessage): number | undefined {
  const length = response.headers['content-length']
  return length === undefined ? undefined : Number(length)
}
