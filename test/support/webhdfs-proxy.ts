import { once } from 'node:events'
import { createServer, request as httpRequest, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'

/**
 * What becomes of a request: it passes; it is lost, or its answer is; it is lost and arrives some time later, when its sender has given it up;
 * its body breaks off half-way.
 */
export type Fate = 'pass' | 'lose request' | 'lose answer' | 'late' | 'cut body'

/** One request of WebHDFS, to a NameNode or to a DataNode. */
export interface ProxiedRequest {
  readonly op: string
  /** From the root of the file system. */
  readonly path: string
  readonly toDataNode: boolean
}

export type FateOf = (request: ProxiedRequest) => Fate

const LATE_MS = 30

/** Stands between a client and an HDFS, NameNode and DataNodes alike, and lets the network be what it can be. */
export class WebHdfsProxy {
  readonly counts: Map<string, number>
  /** Decides over each request as it comes. */
  fate: FateOf
  readonly #target: string
  readonly #server: Server
  readonly #late: Set<Promise<unknown>>

  private constructor(target: string, fate: FateOf) {
    this.fate = fate
    this.counts = new Map()
    this.#target = target
    this.#late = new Set()
    this.#server = createServer((request, response) => void this.#serve(request, response).catch(() => request.socket.destroy()))
  }

  /** @param target `host:port` of the NameNode */
  static async start(target: string, fate: FateOf = () => 'pass'): Promise<WebHdfsProxy> {
    const proxy = new WebHdfsProxy(target, fate)
    proxy.#server.listen(0, '127.0.0.1')
    await once(proxy.#server, 'listening')
    return proxy
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Requests of an operation so far, e.g. `RENAME`; those to DataNodes apart, as `DataNode CREATE`. */
  count(op: string): number {
    return this.counts.get(op) ?? 0
  }

  /** All that came to the NameNode. */
  get nameNodeCalls(): number {
    return [...this.counts].reduce((sum, [op, count]) => (op.startsWith('DataNode') ? sum : sum + count), 0)
  }

  /** Everything passes from now on; resolves when what was late has arrived. */
  async calm(): Promise<void> {
    this.fate = () => 'pass'
    while (this.#late.size > 0) await Promise.allSettled(this.#late)
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await Promise.allSettled(this.#late)
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [, dataNode, rest] = /^\/data-node\/([^/]+)(\/.*)$/.exec(request.url!) ?? []
    const url = new URL(`http://${dataNode ?? this.#target}${rest ?? request.url}`)
    const asked = {
      op: url.searchParams.get('op')!,
      path: decodeURIComponent(url.pathname.slice('/webhdfs/v1'.length)),
      toDataNode: dataNode !== undefined,
    }
    const name = asked.toDataNode ? `DataNode ${asked.op}` : asked.op
    this.counts.set(name, this.count(name) + 1)
    const fate = this.fate(asked)
    if (fate === 'lose request') return void request.socket.destroy()
    const body = await wholeBody(request)
    if (fate === 'cut body') {
      // The DataNode is told of the whole and gets half of it.
      const half = send(url, request, body.subarray(0, Math.floor(body.length / 2)), body.length + 1)
      await wait(LATE_MS)
      half.request.destroy()
      return void request.socket.destroy()
    }
    if (fate === 'late') {
      request.socket.destroy()
      const late = wait(Math.random() * LATE_MS).then(async () => await send(url, request, body).answer)
      this.#late.add(late)
      late.catch(() => undefined).finally(() => this.#late.delete(late))
      return
    }
    const answer = await send(url, request, body).answer
    const content = await wholeBody(answer)
    if (fate === 'lose answer') return void request.socket.destroy()
    const {
      location: _location,
      'content-length': _length,
      'transfer-encoding': _encoding,
      connection: _connection,
      ...headers
    } = answer.headers
    const own = `http://127.0.0.1:${this.port}/data-node`
    const sent = asked.toDataNode
      ? content
      : Buffer.from(content.toString('latin1').replace(/("Location":")http:\/\/([^/]+)\//, `$1${own}/$2/`), 'latin1')
    response.writeHead(answer.statusCode!, { ...headers, 'content-length': sent.length })
    response.end(sent)
  }
}

function send(url: URL, { method, headers }: IncomingMessage, body: Buffer, length = body.length) {
  const { 'content-type': type } = headers
  const request = httpRequest(url, {
    method,
    agent: false,
    headers: { ...(type === undefined ? {} : { 'content-type': type }), ...(method === 'PUT' ? { 'content-length': length } : {}) },
  })
  const answer = new Promise<IncomingMessage>((resolve, reject) => {
    request.once('response', resolve)
    request.on('error', reject)
  })
  answer.catch(() => undefined)
  if (length === body.length) request.end(body)
  else request.write(body)
  return { request, answer }
}

async function wholeBody(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}
