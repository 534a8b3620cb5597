import type { Clock } from '../base/clock.ts'
import { MoldauError } from '../base/errors.ts'
import { Channel } from '../net/channel.ts'
import type { ChannelWatcher } from '../net/channel.ts'
import type { Transport } from '../net/transport.ts'
import type { Api } from '../protocol/api.ts'
import { ApiVersions } from '../protocol/messages/api-versions.ts'
import type { ApiVersionsResponse } from '../protocol/messages/api-versions.ts'
import type { Infer, Input, Message } from '../protocol/schema.ts'
import type { SaslOptions } from '../security/sasl-client.ts'
import { login } from './login.ts'
import { SendQueue } from './send-queue.ts'
import { throttleOf } from './throttle.ts'
import { handshakeProblem } from '../net/tls-dialer.ts'

export interface ConnectionOptions {
  clientId: string
  watcher?: ChannelWatcher | undefined
  requestTimeoutMs: number
  clock: Clock
  /** How long each answer may take until the connection can be used; default `requestTimeoutMs`. */
  setupTimeoutMs?: number
  /** How to log in, where the broker wants it. */
  sasl?: SaslOptions | undefined
}

export interface RequestOptions {
  /** The highest version to use, where a newer one asks for more than we want to say. */
  maxVersion?: number
  timeoutMs?: number
}

/** The version of ApiVersions that all brokers since 2.4 know: it tells the finalized features too. */
const HANDSHAKE_VERSION = 3

/** What we tell brokers of ourselves (KIP-511). */
export const SOFTWARE = { clientSoftwareName: 'moldau', clientSoftwareVersion: '0.1.0' } as const

/** Of the time that a log-in is good for, so that nothing is refused in between. */
const LOGIN_AGAIN_AFTER = 0.85

/**
 * A connection to one broker that knows which versions both sides speak, logs in again before a log-in expires (KIP-368), and keeps
 * silent for as long as an answer asks for (KIP-219).
 */
export class BrokerConnection {
  readonly remote: string
  /** `transaction.version` and the like, as the cluster has finalized them. */
  readonly features: ReadonlyMap<string, number>
  readonly #channel: Channel
  readonly #ranges: ReadonlyMap<number, { minVersion: number; maxVersion: number }>
  readonly #chosen: Map<number, number>
  readonly #options: ConnectionOptions
  readonly #queue: SendQueue
  #usedAt: number
  /** When to log in again, on the monotonic clock (KIP-368). */
  #loginAgainAt: number
  /** Nothing else may be sent meanwhile. */
  #isLoggingIn: boolean
  #closedHere: boolean
  /** A request was answered after the handshake: the broker takes us as we are. */
  #isAccepted: boolean

  private constructor(remote: string, channel: Channel, versions: ApiVersionsResponse, options: ConnectionOptions) {
    this.remote = remote
    this.features = new Map(versions.finalizedFeatures.map((f) => [f.name, f.maxVersionLevel]))
    this.#channel = channel
    this.#ranges = new Map(versions.apiKeys.map((a) => [a.apiKey, a]))
    this.#chosen = new Map()
    this.#options = options
    this.#queue = new SendQueue(options.clock)
    this.#usedAt = options.clock.monotonic()
    this.#loginAgainAt = Infinity
    this.#isLoggingIn = false
    this.#closedHere = false
    this.#isAccepted = false
    channel.onClose(() => this.#queue.fail(closedBefore(remote)))
  }

  /** Asks the broker for its versions first. `remote` names it in messages. */
  static async open(remote: string, transport: Transport, options: ConnectionOptions): Promise<BrokerConnection> {
    const channel = new Channel(transport, options)
    const timing = within(options.setupTimeoutMs)
    try {
      let versions = await channel.request(ApiVersions, HANDSHAKE_VERSION, SOFTWARE, timing)
      // A broker older than 2.4 answers in version 0, with an error and perhaps without a list: it is asked again in its own words.
      if (versions.errorCode !== 0) versions = await channel.request(ApiVersions, 0, {}, timing)
      const connection = new BrokerConnection(remote, channel, versions, options)
      await connection.#login()
      return connection
    } catch (error) {
      channel.close()
      throw handshakeProblem(remote, error) ?? error
    }
  }

  /**
   * The highest version of a call that both sides speak.
   *
   * @throws MoldauError UNSUPPORTED_VERSION naming the call and both ranges
   */
  version(api: Api, maxVersion = Infinity): number {
    const known = this.#chosen.get(api.key)
    if (known !== undefined && known <= maxVersion) return known
    const range = this.#ranges.get(api.key)
    const most = Math.min(range?.maxVersion ?? -1, api.request.versions.last, maxVersion)
    if (range === undefined || most < Math.max(range.minVersion, api.request.versions.first)) {
      const theirs = range === undefined ? 'does not serve it' : `speaks ${range.minVersion} to ${range.maxVersion}`
      const ours = `${api.request.versions.first} to ${Math.min(api.request.versions.last, maxVersion)}`
      throw new MoldauError('UNSUPPORTED_VERSION', `${api.name}: we speak versions ${ours}, the broker ${this.remote} ${theirs}`)
    }
    if (maxVersion === Infinity) this.#chosen.set(api.key, most)
    return most
  }

  /** Whether the broker serves `api` at `minVersion` or newer. */
  supports(api: Api, minVersion = 0): boolean {
    return (this.#ranges.get(api.key)?.maxVersion ?? -1) >= minVersion
  }

  /** Asks and waits for the answer. An answer that does not come in time ends the connection. */
  async request<Req extends Message, Res extends Message>(
    api: Api<Req, Res>,
    body: Input<Req>,
    options: RequestOptions = {},
  ): Promise<Infer<Res>> {
    const version = this.version(api, options.maxVersion)
    const timing = within(options.timeoutMs)
    const ask = (): Promise<Infer<Res>> => this.#channel.request(api, version, body, timing)
    const asked = this.#mayNotSend() ? new Promise<Infer<Res>>((resolve, reject) => this.#queue.add(() => resolve(ask()), reject)) : ask()
    const answer = await (this.#isAccepted ? asked : asked.catch((error: unknown) => Promise.reject(this.#notAccepted(error))))
    this.#isAccepted = true
    this.#usedAt = this.#options.clock.monotonic()
    const throttleTimeMs = throttleOf(answer)
    if (throttleTimeMs > 0) this.#keepSilent(throttleTimeMs)
    return answer
  }

  /** Sends a request that is not answered. */
  send<Req extends Message>(api: Api<Req>, body: Input<Req>, options: RequestOptions = {}): void {
    const version = this.version(api, options.maxVersion)
    const tell = (): void => this.#channel.send(api, version, body)
    // Whoever wants no answer is not told of a connection that ended either.
    if (this.#mayNotSend())
      this.#queue.add(
        () => this.closed || tell(),
        () => {},
      )
    else tell()
    this.#usedAt = this.#options.clock.monotonic()
  }

  /** Requests that have no answer yet. */
  get inFlight(): number {
    return this.#channel.inFlight
  }

  /** For how many milliseconds nothing has been asked or answered; 0 while something is under way. */
  get idleMs(): number {
    return this.inFlight > 0 || this.#queue.isHeld ? 0 : this.#options.clock.monotonic() - this.#usedAt
  }

  get closed(): boolean {
    return this.#channel.closed
  }

  onClose(handler: (error?: Error) => void): void {
    this.#channel.onClose(handler)
  }

  /** Whether it was ended by this side. */
  get closedHere(): boolean {
    return this.#closedHere
  }

  close(): void {
    this.#closedHere ||= !this.#channel.closed
    this.#channel.close()
  }

  /** Whether requests have to wait; begins a log-in when the last is about to expire. */
  #mayNotSend(): boolean {
    if (!this.#isLoggingIn && this.#options.clock.monotonic() >= this.#loginAgainAt) this.#logInAgain()
    return this.#queue.isHeld
  }

  #logInAgain(): void {
    this.#isLoggingIn = true
    this.#queue.hold()
    this.#login()
      .catch((error: unknown) => {
        // Whoever waits is told; an expired log-in is of no more use to anybody.
        this.#queue.fail(error as Error)
        this.close()
      })
      .finally(() => {
        this.#isLoggingIn = false
        this.#queue.release()
      })
  }

  /** The broker does not read what is sent meanwhile: what is under way may take so much longer. */
  #keepSilent(ms: number): void {
    if (this.closed) return
    this.#channel.extendDeadlines(ms)
    this.#queue.holdFor(ms)
  }

  /** A listener that wants a log-in says so by hanging up on whoever begins with something else. */
  #notAccepted(error: unknown): unknown {
    if (!(error instanceof MoldauError) || error.code !== 'CONNECTION_LOST' || this.#closedHere || this.#options.sasl !== undefined)
      return error
    const message = `${error.message}: if its listener wants a log-in, say who you are (sasl, or sasl.mechanism and sasl.jaas.config)`
    return new MoldauError('CONNECTION_LOST', message, { cause: error, retriable: true })
  }

  async #login(): Promise<void> {
    const { sasl, clock, setupTimeoutMs } = this.#options
    if (sasl === undefined) return
    this.#loginAgainAt = Infinity
    const lifetimeMs = await login(this.#channel, this.remote, sasl, (api) => this.version(api), within(setupTimeoutMs))
    if (lifetimeMs > 0) this.#loginAgainAt = clock.monotonic() + lifetimeMs * LOGIN_AGAIN_AFTER
  }
}

/** As an option of the channel, which has a time-out of its own where none is given. */
function within(timeoutMs: number | undefined): { timeoutMs?: number } {
  return timeoutMs === undefined ? {} : { timeoutMs }
}

function closedBefore(remote: string): MoldauError {
  return new MoldauError('CONNECTION_LOST', `the connection to ${remote} ended before a request was sent`, { retriable: true })
}
