import { MoldauError } from '../base/errors.ts'
import { KafkaError, throwOnError } from '../protocol/errors.ts'
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
    const known = this.#nodes.get(`${kind} ${key}`)
    if (known !== undefined) return known
    const connection = await this.#cluster.any()
    const found = await ask(connection, kind, key)
    this.#nodes.set(`${kind} ${key}`, found.nodeId)
    this.#cluster.incidents.coordinator(`${kind} '${key}'`, found.nodeId)
    this.#addresses.set(found.nodeId, { host: found.host, port: found.port })
    return found.nodeId
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

async function ask(
  connection: BrokerConnection,
  kind: CoordinatorKind,
  key: string,
): Promise<{ nodeId: number; host: string; port: number }> {
  const keyType = keyTypes[kind]
  const many = connection.version(FindCoordinator) >= 4
  const answer = await connection.request(FindCoordinator, many ? { keyType, coordinatorKeys: [key] } : { keyType, key })
  const found = answer.coordinators[0] ?? answer
  throwOnError(found.errorCode, `${kind} '${key}'`)
  return found
}
