import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

import { MoldauError, messageOf } from '../../base/errors.ts'
import type { Broker } from '../../broker/broker.ts'
import { handlers } from '../../broker/handlers.ts'
import { isLoopback, refusal } from './access.ts'
import { type Answered, route } from './routes.ts'
import { Rules } from './rules.ts'

export interface ControlOptions {
  /** Default 127.0.0.1. Another one than of this machine needs a {@link ControlOptions.token}. */
  host?: string
  /** Default 0: a free one. */
  port?: number
  /** What every request has to show, as `Authorization: Bearer TOKEN`. Default: nothing, for this machine only. */
  token?: string
  /** From 0 to 1, for seeds of rules that bring none; default Math.random. */
  random?: () => number
}

/** The HTTP control of a broker. */
export interface Control {
  /** `http://127.0.0.1:9644` */
  readonly url: string
  /** Takes all rules out, lets go what they hold, and answers no more. Done by itself when the broker is closed. */
  close(): Promise<void>
}

/** A rule is some hundred bytes long. */
const BODY_BYTES_MAX = 64 * 1024

const served = handlers.map(({ api, minVersion, maxVersion }) => ({ apiKey: api.key, minVersion, maxVersion }))
const apis = handlers.map(({ api }) => api)

/**
 * Opens the HTTP control of a broker: faults and delays for tests in any language, see docs/testing.md.
 * @throws MoldauError INVALID_CONFIG (an address that others reach, and no token), PORT_IN_USE
 */
export async function startControl(broker: Broker, options: ControlOptions = {}): Promise<Control> {
  const { host = '127.0.0.1', port = 0, token, random = Math.random } = options
  if (token === '') throw new MoldauError('INVALID_CONFIG', 'control: an empty token is none: choose one, or leave it out')
  if (token === undefined && !isLoopback(host)) {
    const message = `control: others than this machine reach ${host}, and whoever does can make the broker fail: use 127.0.0.1:${port}, or give it a token`
    throw new MoldauError('INVALID_CONFIG', message)
  }
  const rules = new Rules(broker, apis, random)
  const server = createServer((request, response) => void answer(request, response, rules, token))
  await listening(server, host, port)
  const close = async (): Promise<void> => {
    off()
    rules.clear()
    server.closeAllConnections()
    if (server.listening) await new Promise((resolve) => server.close(resolve))
  }
  const off = broker.events.on('closing', () => void close())
  const { address, port: actual } = server.address() as AddressInfo
  return { url: `http://${address.includes(':') ? `[${address}]` : address}:${actual}`, close }
}

function listening(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const inUse = cause.code === 'EADDRINUSE'
      const message = inUse ? `port ${port} on ${host} is in use by another process: choose another one` : messageOf(cause)
      reject(new MoldauError(inUse ? 'PORT_IN_USE' : 'INVALID_CONFIG', `control: ${message}`, { cause }))
    })
    server.listen({ host: host.replace(/^\[(.*)\]$/, '$1'), port }, resolve)
  })
}

async function answer(request: IncomingMessage, response: ServerResponse, rules: Rules, token: string | undefined): Promise<void> {
  const { status, body } = await answerTo(request, rules, token)
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' })
  response.end(`${JSON.stringify(body)}\n`)
}

async function answerTo(request: IncomingMessage, rules: Rules, token: string | undefined): Promise<Answered> {
  const refused = refusal(request.headers, token)
  if (refused !== undefined) return { status: refused.status, body: { error: refused.error } }
  try {
    const path = (request.url ?? '/').replace(/\?.*$/, '').replace(/(?<=.)\/$/, '')
    return route({ method: request.method ?? 'GET', path, body: await bodyOf(request) }, rules, served)
  } catch (error) {
    if (!(error instanceof MoldauError)) return { status: 500, body: { error: messageOf(error) } }
    return { status: 400, body: { error: error.message } }
  }
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  let text = ''
  request.setEncoding('utf8')
  for await (const chunk of request as AsyncIterable<string>) {
    text += chunk
    if (text.length > BODY_BYTES_MAX)
      throw new MoldauError('INVALID_ARGUMENT', `the body is longer than ${BODY_BYTES_MAX} bytes: a rule is one small object`)
  }
  if (text.trim() === '') return undefined
  try {
    return JSON.parse(text) as unknown
  } catch (cause) {
    throw new MoldauError('INVALID_ARGUMENT', `the body is not JSON: ${messageOf(cause)}`, { cause })
  }
}
