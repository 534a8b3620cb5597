import type { Answer, Connection } from '../../net/connection.ts'
import { includes } from '../../protocol/versions.ts'
import { nameOf } from '../../security/principal.ts'
import type { Handler, RequestContext } from '../handler.ts'
import type { QuotaClient } from './quotas.ts'

const PRODUCE = 0
const FETCH = 1

/** Whose quotas count for a request. */
export function quotaClient({ clientId, session }: Pick<RequestContext, 'clientId' | 'session'>): QuotaClient {
  return { user: nameOf(session.principal), clientId: clientId ?? '' }
}

/**
 * One request on its way through the quotas (KIP-13, KIP-124, KIP-219): what it uses is taken note of, the answer leaves at once and says for
 * how long the client shall be silent, and its connection is not read for that time.
 */
export class Throttle {
  readonly #handler: Handler
  readonly #context: RequestContext
  readonly #connection: Connection
  readonly #client: QuotaClient
  readonly #requestBytes: number
  readonly #busySince: number
  /** Milliseconds that the client has to be silent. */
  #silence: number

  constructor(handler: Handler, context: RequestContext, connection: Connection, requestBytes: number) {
    this.#handler = handler
    this.#context = context
    this.#connection = connection
    this.#client = quotaClient(context)
    this.#requestBytes = requestBytes
    this.#busySince = context.broker.clock.monotonic()
    this.#silence = 0
  }

  /** Keeps a fetch within what the quota allows in a whole window, so that one answer cannot use up several. */
  before(request: unknown): void {
    if (this.#handler.api.key !== FETCH) return
    const fetch = request as { maxBytes: number }
    fetch.maxBytes = Math.min(fetch.maxBytes, this.#context.broker.quotas.fetchBytesMax(this.#client))
  }

  /** The handler has returned, with an answer or with a promise of one: what it does later does not count as its time. */
  returned(): void {
    const { clock, quotas } = this.#context.broker
    const spent = clock.monotonic() - this.#busySince
    this.#silence = Math.max(this.#silence, quotas.use('request_percentage', this.#client, spent))
  }

  /** The answer with its throttle time; its connection is not read for as long. */
  answer<Body>(body: Body, encode: (body: Body) => Answer): Answer {
    const { quotas } = this.#context.broker
    const { key } = this.#handler.api
    if (key === FETCH) return this.#fetched(body, encode)
    let silence = Math.max(this.#silence, (body as { throttleTimeMs?: number } | undefined)?.throttleTimeMs ?? 0)
    if (key === PRODUCE) silence = Math.max(silence, quotas.use('producer_byte_rate', this.#client, this.#requestBytes))
    this.#beSilent(silence, body)
    return encode(body)
  }

  /** What is over the quota stays here: the client gets nothing at once, and asks for it again when its time is up. */
  #fetched<Body>(body: Body, encode: (body: Body) => Answer): Answer {
    const { quotas, buffers } = this.#context.broker
    const answer = encode(body)
    if (answer === undefined) return undefined
    const bytes = answer.reduce((sum, chunk) => sum + chunk.length, 0)
    const { mayLeave, silenceMs } = quotas.fetch(this.#client, bytes, this.#silence > 0)
    const silence = Math.max(this.#silence, silenceMs)
    if (silence === 0) return answer
    if (!mayLeave) buffers.sent(buffers.ofPool(answer))
    const told = mayLeave ? body : ({ errorCode: 0, sessionId: 0, responses: [] } as Body)
    this.#beSilent(silence, told)
    return encode(told)
  }

  #beSilent(silence: number, body: unknown): void {
    if (silence === 0) return
    if (body !== undefined && this.#tells()) (body as { throttleTimeMs: number }).throttleTimeMs = silence
    this.#connection.mute(silence)
  }

  #tells(): boolean {
    const field = this.#handler.api.response.fields.find(({ name }) => name === 'throttleTimeMs')
    return field !== undefined && includes(field.versions, this.#context.version)
  }
}
