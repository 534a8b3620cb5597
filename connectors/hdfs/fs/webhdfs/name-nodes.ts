import type { Agent } from 'node:http'
import { sleep, type Clock } from '../../../../core/base/clock.ts'
import { MoldauError } from '../../../../core/base/errors.ts'
import type { WebHdfsAddress } from './address.ts'
import { exchange, NoAnswer, type Answer, type Exchange } from './exchange.ts'
import { failure, isPassing, isStandby, remoteError } from './remote-error.ts'

const BACKOFF_MS = 50
const BACKOFF_MAX_MS = 2000

export interface Call {
  readonly op: string
  readonly method: Exchange['method']
  /** From the root of the file system. */
  readonly path: string
  readonly parameters?: Readonly<Record<string, string>>
  /** For messages: `rename a to b`. */
  readonly what: string
  /** Whether it may run twice: then it is sent again when no answer came. */
  readonly repeatable: boolean
}

export interface NameNodeOptions {
  readonly url: string
  readonly address: WebHdfsAddress
  /** Who asks: parameters of every request. */
  readonly identity: Readonly<Record<string, string>>
  readonly agent: Agent
  readonly timeoutMs: number
  readonly retryMs: number
  readonly clock: Clock
}

/**
 * The NameNodes of a cluster, of which one is active. What certainly did not run (nobody there, on standby, in safe mode) is asked of the
 * next one, and again, for `retryMs`; what may have run is asked again only if that does no harm. (Never an Observer: it may answer what
 * is not true any more, and the ledger would believe it.)
 */
export class NameNodes {
  readonly #options: NameNodeOptions
  #active: number

  constructor(options: NameNodeOptions) {
    this.#options = options
    this.#active = 0
  }

  /** `host:port` of who answered last. */
  get active(): string {
    return this.#options.address.nodes[this.#active]!
  }

  /**
   * The answer, which may be a refusal.
   *
   * @throws MoldauError STORAGE_FAILED, retriable: nobody answered, or it is not known whether it ran
   */
  async ask(call: Call): Promise<Answer> {
    const { clock, retryMs, address } = this.#options
    const until = clock.monotonic() + retryMs
    for (let backoffMs = BACKOFF_MS; ; backoffMs = Math.min(backoffMs * 2, BACKOFF_MAX_MS)) {
      let reason: MoldauError | undefined
      const first = this.#active
      for (let i = 0; i < address.nodes.length; i++) {
        const node = (first + i) % address.nodes.length
        const found = await this.#askOne(call, node)
        if (!(found instanceof MoldauError)) {
          this.#active = node
          return found
        }
        // Of several the one that is there says more than the one that is not.
        if (reason === undefined || found.cause === undefined) reason = found
      }
      if (clock.monotonic() >= until) throw reason!
      await sleep(clock, backoffMs)
    }
  }

  /** An error: it did not run there, or may run again. */
  async #askOne(call: Call, node: number): Promise<Answer | MoldauError> {
    const { url, agent, timeoutMs } = this.#options
    try {
      const answer = await exchange({ method: call.method, url: this.#urlOf(call, node), agent, timeoutMs })
      if (answer.status < 400) return answer
      const error = remoteError(answer)
      return isPassing(error) || isStandby(error) ? failure(url, call.what, error) : answer
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error
      const lost = new MoldauError(
        'STORAGE_FAILED',
        `cannot ${call.what} in ${url}: ${error.sent ? 'no answer came from' : 'nobody answers at'} ${this.#options.address.nodes[node]} (${error.message})`,
        { cause: error, retriable: true },
      )
      if (error.sent && !call.repeatable) throw lost
      return lost
    }
  }

  #urlOf({ op, path, parameters }: Call, node: number): string {
    const { address, identity } = this.#options
    const query = Object.entries({ op, ...identity, ...parameters }).map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
    const escaped = path.split('/').map(encodeURIComponent).join('/')
    return `${address.tls ? 'https' : 'http'}://${address.nodes[node]}/webhdfs/v1${escaped === '' ? '/' : escaped}?${query.join('&')}`
  }
}
