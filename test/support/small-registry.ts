import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

import type { ExecutionContext } from 'ava'

interface Version {
  readonly id: number
  readonly schema: string
  readonly references?: readonly { name: string; subject: string; version: number }[]
}

/**
 * A schema registry in this process, with the calls of Confluent's API that a serde needs and no rules of compatibility: what can go wrong on
 * the way is made to go wrong here. test/compat has a real one.
 */
export class SmallRegistry {
  readonly url: string
  /** Method and path of every request, in order. */
  readonly asked: string[]
  /** Answers the next requests with this status instead. */
  failing: number | undefined
  /** Headers of the last request. */
  headers: IncomingMessage['headers']
  readonly #subjects: Map<string, Version[]>
  readonly #byId: Map<number, Version & { schemaType?: string }>

  private constructor(url: string) {
    this.url = url
    this.asked = []
    this.failing = undefined
    this.headers = {}
    this.#subjects = new Map()
    this.#byId = new Map()
  }

  static async start(t: ExecutionContext): Promise<SmallRegistry> {
    const server = createServer((request, response) => void registry.#answer(request, response))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const registry = new SmallRegistry(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    t.teardown(() => {
      server.closeAllConnections()
      server.close()
    })
    return registry
  }

  /** @returns its id */
  register(subject: string, schema: string, more: Partial<Version> & { schemaType?: string } = {}): number {
    const versions = this.#subjects.get(subject) ?? []
    this.#subjects.set(subject, versions)
    const same = versions.find((version) => version.schema === schema)
    if (same !== undefined) return same.id
    const id = this.#byId.size + 1
    versions.push({ ...more, id, schema })
    this.#byId.set(id, { ...more, id, schema })
    return id
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    this.headers = request.headers
    this.asked.push(`${request.method} ${request.url}`)
    const [status, body] = this.failing === undefined ? this.#result(request, Buffer.concat(chunks).toString()) : [this.failing, notNow]
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  }

  #result({ method, url = '' }: IncomingMessage, body: string): [number, unknown] {
    const [, kind, name = '', what, version] = url.split('/').map(decodeURIComponent)
    if (kind === 'schemas') return found(this.#byId.get(Number(what)), 40403, 'Schema not found')
    const versions = this.#subjects.get(name)
    if (method === 'POST') {
      const { schema } = JSON.parse(body) as { schema: string }
      if (what === 'versions') return [200, { id: this.register(name, schema) }]
      return found(
        versions?.find((each) => each.schema === schema),
        40403,
        'Schema not found',
      )
    }
    if (version === undefined)
      return found(
        versions?.map((_, i) => i + 1),
        40401,
        `Subject '${name}' not found.`,
      )
    return found(versions?.[Number(version) - 1], 40402, 'Version not found')
  }
}

const notNow = { error_code: 50001, message: 'Error in the backend data store' }

function found(value: unknown, code: number, message: string): [number, unknown] {
  return value === undefined ? [404, { error_code: code, message }] : [200, value]
}
