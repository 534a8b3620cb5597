import type { Operation, ResourceType } from '../security/acl.ts'
import { CLUSTER_NAME } from '../security/acl.ts'
import type { Authorizer, Requester } from '../security/authorizer.ts'
import type { Principal } from '../security/principal.ts'
import type { Endpoint } from './listeners.ts'
import { remoteParts } from './remote.ts'
import type { SaslAuthentication } from './sasl-authentication.ts'
import type { SecurityProtocol } from './security-config.ts'

/** A listener that is open. */
export interface OpenListener {
  readonly name: string
  readonly protocol: SecurityProtocol
  /** What clients of this listener are told. */
  readonly endpoint: Endpoint
  /** The TCP port that it has. */
  readonly port?: number
}

/** Names whose decision one connection remembers; more begin anew. */
const DECISIONS_MAX = 1000

/** One connection as the broker knows it: who is at the other end, and what he may do. */
export class Session implements Requester {
  readonly listener: OpenListener
  /** `127.0.0.1:50123` or `in-process` */
  readonly remote: string
  readonly host: string
  readonly #authorizer: Authorizer | undefined
  #principal: Principal
  #sasl: SaslAuthentication | undefined
  /** By operation, kind and name: asked with every request, so the answer is kept. */
  #decisions: Map<string, Map<string, boolean>>
  #decided: number
  #decidedAt: number

  /** @param authorizer undefined when everybody may do everything */
  constructor(listener: OpenListener, remote: string, principal: Principal, authorizer: Authorizer | undefined) {
    this.listener = listener
    this.remote = remote
    this.host = hostPart(remote)
    this.#principal = principal
    this.#authorizer = authorizer
    this.#sasl = undefined
    this.#decisions = new Map()
    this.#decided = 0
    this.#decidedAt = -1
  }

  get principal(): Principal {
    return this.#principal
  }

  /** How the other end logs in, on a listener where it has to. */
  get sasl(): SaslAuthentication | undefined {
    return this.#sasl
  }

  requireLogin(sasl: SaslAuthentication): void {
    this.#sasl = sasl
  }

  loggedIn(principal: Principal): void {
    this.#principal = principal
    this.#decisions.clear()
  }

  /** Whether the other end may do something with a thing. */
  allows(operation: Operation, type: ResourceType, name: string): boolean {
    const authorizer = this.#authorizer
    if (authorizer === undefined) return true
    if (authorizer.version !== this.#decidedAt || this.#decided >= DECISIONS_MAX) {
      this.#decisions.clear()
      this.#decided = 0
      this.#decidedAt = authorizer.version
    }
    const key = `${operation} ${type}`
    let names = this.#decisions.get(key)
    if (names === undefined) this.#decisions.set(key, (names = new Map()))
    let decision = names.get(name)
    if (decision === undefined) {
      decision = authorizer.allows(this, operation, type, name)
      names.set(name, decision)
      this.#decided++
    }
    return decision
  }

  allowsCluster(operation: Operation): boolean {
    return this.allows(operation, 'cluster', CLUSTER_NAME)
  }

  /** Whether there is anything of a kind that the other end may do it with. */
  allowsAny(operation: Operation, type: ResourceType): boolean {
    return this.#authorizer?.allowsAny(this, operation, type) ?? true
  }

  /** Everything that may be done with a thing, as the bits of KIP-430. */
  operationBits(type: Exclude<ResourceType, 'any'>, name: string): number {
    return this.#authorizer?.operationBits(this, type, name) ?? 0
  }
}

function hostPart(remote: string): string {
  const { address, port } = remoteParts(remote)
  return port === '' ? '127.0.0.1' : address
}
