import type { Clock } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import type { Logger } from '../base/logger.ts'
import type { BufferPool } from '../net/buffer-pool.ts'
import { ConnectionLimits } from '../net/connection-limits.ts'
import type { ConnectionLimitsOptions } from '../net/connection-limits.ts'
import type { Answer, Connection } from '../net/connection.ts'
import { Listener } from '../net/listener.ts'
import type { MemoryBudget } from '../net/memory-budget.ts'
import type { Transport } from '../net/transport.ts'
import { Turnstile } from '../net/turnstile.ts'
import type { Authorizer } from '../security/authorizer.ts'
import { subjectOf } from '../security/distinguished-name.ts'
import { ANONYMOUS, userPrincipal } from '../security/principal.ts'
import type { Principal } from '../security/principal.ts'
import { principalMapping } from '../security/principal-mapping.ts'
import type { CredentialLookup } from '../security/scram-server.ts'
import type { BrokerConfig } from './broker-config.ts'
import { ipOverrides } from './ip-overrides.ts'
import { ListenerConfig } from './listener-config.ts'
import { offeredMechanisms } from './listener-security.ts'
import { ListenerTls } from './listener-tls.ts'
import { endpointOf } from './listeners.ts'
import type { ListenerSpec } from './listeners.ts'
import type { ConnectionRates } from './quotas/connection-rates.ts'
import { SaslAuthentication } from './sasl-authentication.ts'
import { Session } from './session.ts'
import type { OpenListener } from './session.ts'

export interface OpenListenersOptions {
  config: BrokerConfig
  /** At the same time, over all listeners: `max.connections`, or fewer where the system allows fewer open files. */
  connectionsMax: () => number
  rates: ConnectionRates
  buffers: BufferPool
  budget: MemoryBudget | undefined
  credentials: CredentialLookup
  authorizer: Authorizer | undefined
  /** Answers ApiVersions to those who have not logged in. */
  apiVersions: (frame: Buffer, connection: Connection) => Answer
  onConnection: (transport: Transport, session: Session) => void
  clock: Clock
  logger: Logger
}

/** The listeners of a broker: opened together, closed together. */
export class OpenListeners {
  readonly #options: OpenListenersOptions
  readonly #limits: ConnectionLimits
  readonly #open: { listener: Listener; tls: ListenerTls | undefined; shown: OpenListener }[]

  private constructor(options: OpenListenersOptions) {
    this.#options = options
    this.#limits = new ConnectionLimits(limitsOf(options))
    this.#open = []
  }

  /** @throws MoldauError PORT_IN_USE, INVALID_CONFIG: then none is open */
  static async open(specs: readonly ListenerSpec[], options: OpenListenersOptions): Promise<OpenListeners> {
    const listeners = new OpenListeners(options)
    try {
      for (const spec of specs) await listeners.#listen(spec)
    } catch (error) {
      await listeners.close()
      throw error
    }
    return listeners
  }

  /** In the order in which they were asked for. */
  get list(): readonly OpenListener[] {
    return this.#open.map(({ shown }) => shown)
  }

  /** Why the listeners cannot go on with other settings; undefined when they can. */
  problemWith(next: BrokerConfig): string | undefined {
    for (const { tls } of this.#open) {
      const problem = tls?.problemWith(next)
      if (problem !== undefined) return problem
    }
    return undefined
  }

  /** Takes the bounds of connections and the certificates that were changed while the broker runs. */
  reconfigure(): void {
    const { config } = this.#options
    this.#limits.configure(limitsOf(this.#options))
    for (const { listener, tls, shown } of this.#open) {
      listener.connectionsMax = new ListenerConfig(config, shown.name).get('max.connections')
      tls?.reconfigure()
    }
  }

  /** No more connections. Resolves when the last of them has ended. */
  async close(): Promise<void> {
    for (const { tls } of this.#open) tls?.close()
    await Promise.all(this.#open.map(({ listener }) => listener.close()))
  }

  async #listen(spec: ListenerSpec): Promise<void> {
    const { config, rates, buffers, budget, clock, logger } = this.#options
    const own = new ListenerConfig(config, spec.name)
    const speaksTls = spec.protocol === 'SSL' || spec.protocol === 'SASL_SSL'
    const tls = speaksTls ? new ListenerTls({ name: spec.name, config, clock, logger }) : undefined
    const admit = await this.#admission(spec, own)
    const listener: Listener = await Listener.listen({
      host: spec.host,
      port: spec.port,
      buffers,
      ...(budget !== undefined && { budget }),
      onConnection: (transport) => admit(transport, shown),
      connectionsMax: own.get('max.connections'),
      limits: this.#limits,
      turnstile: new Turnstile(rates.gate(spec.name), clock),
      requestBytesMax: config.get('socket.request.max.bytes'),
      acceptBacklog: config.get('socket.listen.backlog.size'),
      ...(tls !== undefined && {
        tls: {
          context: tls.context,
          clientAuth: own.get('ssl.client.auth') as 'none' | 'requested' | 'required',
          onFailed: (remote, why) => logger.warn({ remote, listener: spec.name }, `TLS with ${remote} at ${spec.name} failed: ${why}`),
        },
      }),
    })
    const shown: OpenListener = { name: spec.name, protocol: spec.protocol, endpoint: endpointOf(spec, listener.port), port: listener.port }
    tls?.attach((context) => listener.replaceCertificates(context))
    this.#open.push({ listener, tls, shown })
  }

  /** What happens to each connection of a listener before its first request. */
  async #admission(spec: ListenerSpec, own: ListenerConfig): Promise<(transport: Transport, listener: OpenListener) => void> {
    const { config, credentials, authorizer, apiVersions, onConnection, clock, logger } = this.#options
    const mapping = principalMapping(own.get('ssl.principal.mapping.rules'))
    const mustLogIn = spec.protocol === 'SASL_PLAINTEXT' || spec.protocol === 'SASL_SSL'
    const mechanisms = mustLogIn ? await offeredMechanisms(own, credentials, clock) : undefined
    const failureDelayMs = config.get('connection.failed.authentication.delay.ms')
    const requestBytesMax = config.get('socket.request.max.bytes')
    const unknownBytesMax = Math.min(requestBytesMax, own.get('sasl.server.max.receive.size'))
    return (transport, listener) => {
      let principal: Principal
      try {
        principal = transport.peerCertificate === undefined ? ANONYMOUS : userPrincipal(mapping(subjectOf(transport.peerCertificate)))
      } catch (error) {
        logger.warn({ remote: transport.remote, listener: spec.name }, `${transport.remote} is refused: ${messageOf(error)}`)
        transport.destroy()
        return
      }
      const session = new Session(listener, transport.remote, principal, authorizer)
      if (mechanisms !== undefined) {
        transport.limitFrames?.(unknownBytesMax)
        const onComplete = (): void => transport.limitFrames?.(requestBytesMax)
        session.requireLogin(new SaslAuthentication({ session, mechanisms, apiVersions, failureDelayMs, onComplete, clock, logger }))
      }
      onConnection(transport, session)
    }
  }
}

function limitsOf({ config, connectionsMax }: OpenListenersOptions): ConnectionLimitsOptions {
  return {
    connectionsMax: connectionsMax(),
    perIpMax: config.get('max.connections.per.ip'),
    overrides: ipOverrides(config.get('max.connections.per.ip.overrides')),
  }
}
