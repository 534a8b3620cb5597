import { Socket } from 'node:net'
import type { OnReadOpts, Server } from 'node:net'

/** What Node keeps to itself of a socket: the connection as the event loop has it, and the server that counts it. */
interface Inside {
  _handle: { useUserBuffer?: unknown; reading?: boolean } | null
  _server: Server | null
  server: Server | null
}

/**
 * An accepted socket once more, reading into memory of ours: Node lets only a socket that dials choose where it reads to (`onread`), and
 * gives others fresh memory with every read, which costs a third of the time in user code and keeps the garbage collector at work.
 * The way there is private to Node: where it is not as we know it, `undefined` is answered and nothing has happened.
 *
 * @param socket just accepted, by a server with `pauseOnConnect`; not to be used any more when another one is answered
 */
export function adopt(socket: Socket, onread: OnReadOpts): Socket | undefined {
  const old = socket as unknown as Inside
  const handle = old._handle
  if (handle === null || typeof handle !== 'object' || typeof handle.useUserBuffer !== 'function' || handle.reading !== false)
    return undefined
  const server = old._server
  old._handle = null
  old._server = null
  old.server = null
  const adopted = new Socket({ handle, onread } as object)
  const inside = adopted as unknown as Inside
  // The server counts its connections when they end.
  inside._server = server
  inside.server = server
  return adopted
}
