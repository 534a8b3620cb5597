import { MoldauError } from '../base/errors.ts'
import { errorName, KafkaError, kafkaError } from '../protocol/errors.ts'
import { FindCoordinator } from '../protocol/messages/find-coordinator.ts'
import type { Address } from './address.ts'
import type { Cluster } from './cluster.ts'
import type { BrokerConnection } from './connection.ts'
import type { Connections } from './connections.ts'
import { isRetriableError } from './retry.ts'

export type CoordinatorKind = 'group' | 'transaction'

export interface CoordinatedCall {
  /** What is being done, for messages. */
  what: string
  timeoutMs: number
  stopped?: () => Error | undefined
  /** Codes beyond the usual ones after which the call is repeated. */
  retriable?: (error: unknown) => boolean
}

const keyTypes = { group: 0, transaction: 1 } as const
const moved: ReadonlySet<string> = new Set(['NOT_COORDINATOR', 'COORDINATOR_NOT_AVAILABLE'])

/** Knows which broker coordinates a group or a transactional id, and asks again when it has moved. */
export class Coordinators {
  readonly #cluster: Cluster
  readonly #nodes: Map<string, number>
  readonly #addresses: Map<number, Address>

  constructor(cluster: Cluster) {
    this.#cluster = cluster
    this.#nodes = new Map()
    this.#addresses = new Map()
  }

  /** Where a coordinator was said to be; metadata may not have told yet. */
  address(node: number): Address | undefined {
    return this.#addresses.get(node)
  }

  forget(kind: CoordinatorKind, key: string): void {
    this.#nodes.delete(`${kind} ${key}`)
  }

  /** The broker that coordinates `key`. @throws KafkaError COORDINATOR_NOT_AVAILABLE (retriable) while there is none */
  async find(kind: CoordinatorKind, key: string): Promise<number> {
    const found = (await this.findAll(kind, [key])).get(key)!
    if (typeof found !== 'number') throw found
    return found
  }

  /** The brokers that coordinate `keys`, asked for in one request where the broker can do that (KIP-699); or an error for a key that has none. */
  async findAll(kind: CoordinatorKind, keys: readonly string[]): Promise<Map<string, number | KafkaError>> {
    const places = new Map<string, number | KafkaError>()
    const unknown: string[] = []
    for (const key of new Set(keys)) {
      const known = this.#nodes.get(`${kind} ${key}`)
      if (known === undefined) unknown.push(key)
      else places.set(key, known)
    }
    if (unknown.length === 0) return places
    for (const { key, nodeId, host, port, errorCode } of await ask(await this.#cluster.any(), kind, unknown)) {
      if (errorCode === 0) {
        this.#nodes.set(`${kind} ${key}`, nodeId)
        this.#cluster.incidents.coordinator(`${kind} '${key}'`, nodeId)
        this.#addresses.set(nodeId, { host, port })
      }
      places.set(key, errorCode === 0 ? nodeId : kafkaError(errorName(errorCode), `${kind} '${key}'`))
    }
    for (const key of unknown) if (!places.has(key)) places.set(key, kafkaError('COORDINATOR_NOT_AVAILABLE', `${kind} '${key}'`))
    return places
  }

  /** Runs `call` against the coordinator of `key`, again when the coordinator has moved, is loading, or cannot be reached. */
  run<T>(
    kind: CoordinatorKind,
    key: string,
    connections: Connections,
    options: CoordinatedCall,
    call: (connection: BrokerConnection) => Promise<T>,
  ): Promise<T> {
    const retriable = (error: unknown): boolean => isRetriableError(error) || (options.retriable?.(error) ?? false)
    return this.#cluster.retry({ ...options, retriable }, async () => {
      const node = await this.find(kind, key)
      try {
        return await call(await connections.get(node))
      } catch (error) {
        if (hasMoved(error)) this.forget(kind, key)
        throw error
      }
    })
  }
}

function hasMoved(error: unknown): boolean {
  if (error instanceof KafkaError) return moved.has(error.kafkaCode)
  return error instanceof MoldauError && error.retriable
}

interface FoundCoordinator extends Address {
  key: string
  nodeId: number
  errorCode: number
}

/** The version since which a request names many keys. */
const MANY_SINCE = 4

async function ask(connection: BrokerConnection, kind: CoordinatorKind, keys: readonly string[]): Promise<FoundCoordinator[]> {
  const keyType = keyTypes[kind]
  if (connection.version(FindCoordinator) >= MANY_SINCE) {
    return (await connection.request(FindCoordinator, { keyType, coordinatorKeys: [...keys] })).coordinators
  }
  return Promise.all(keys.map(async (key) => ({ ...(await connection.request(FindCoordinator, { keyType, key })), key })))
}
