import { request as httpRequest, type Agent, type ClientRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'

/** How far a request came that got no answer. Only what was never sent certainly did not run. */
export class NoAnswer extends Error {
  readonly sent: boolean

  constructor(sent: boolean, cause: Error) {
    super(cause.message, { cause })
    this.name = 'NoAnswer'
    this.sent = sent
  }
}

export interface Exchange {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE'
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  readonly agent: Agent
  /** Milliseconds without a sign of life, while connecting or while an answer or its next piece is awaited. */
  readonly timeoutMs: number
}

/** An answer with its body. */
export interface Answer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
}

/** A request whose body the caller writes, and whose answer he awaits. */
export interface OpenExchange {
  readonly request: ClientRequest
  /** Resolves when somebody is there. Rejects with {@link NoAnswer}. */
  readonly connected: Promise<void>
  /** Rejects with {@link NoAnswer}. */
  readonly response: Promise<IncomingMessage>
}

/** Begins a request. Its body is the caller's to end. */
export function open({ method, url, headers, agent, timeoutMs }: Exchange): OpenExchange {
  const send = url.startsWith('https:') ? httpsRequest : httpRequest
  const request = send(url, { method, headers, agent })
  let sent = false
  request.setTimeout(timeoutMs, () => request.destroy(new Error(`no answer within ${timeoutMs} ms`)))
  const connected = new Promise<void>((resolve, reject) => {
    const onConnect = (): void => {
      sent = true
      resolve()
    }
    request.once('socket', (socket) => {
      if (socket.connecting) socket.once('connect', onConnect)
      else onConnect()
    })
    request.once('error', (error) => reject(new NoAnswer(false, error)))
  })
  connected.catch(() => undefined)
  const response = new Promise<IncomingMessage>((resolve, reject) => {
    request.once('response', resolve)
    request.on('error', (error) => reject(new NoAnswer(sent, error)))
  })
  response.catch(() => undefined)
  return { request, connected, response }
}

/** A request without a body, with its whole answer. @throws NoAnswer */
export async function exchange(what: Exchange): Promise<Answer> {
  const { request, response } = open(what)
  request.end()
  return await wholeAnswer(await response)
}

/** Reads an answer to its end. @throws NoAnswer when it is cut off */
export async function wholeAnswer(response: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = []
  try {
    for await (const chunk of response) chunks.push(chunk as Buffer)
  } catch (error) {
    throw new NoAnswer(true, error as Error)
  }
  return { status: response.statusCode!, headers: response.headers, body: Buffer.concat(chunks) }
}
