import { MoldauError } from '../../base/errors.ts'
import type { Cluster } from '../../cluster/cluster.ts'
import type { BrokerConnection } from '../../cluster/connection.ts'
import type { CoordinatorKind } from '../../cluster/coordinators.ts'
import { isRetriableError } from '../../cluster/retry.ts'
import type { TopicPartition } from '../../cluster/topic-partition.ts'
import { timeout } from '../arguments.ts'
import { check, whole } from '../checks.ts'
import { placeOnLeaders } from './leaders.ts'
import { isWorthAskingLeaders, settle } from './settle.ts'
import type { Answer, Placement, Question } from './settle.ts'

/** What every call of `admin` takes. */
export interface AdminOptions {
  /** How long the call may take with all its attempts; default `default.api.timeout.ms`. */
  timeoutMs?: number | undefined
}

/** A question, but for the brokers that it goes to. */
export type Asking<Item, T> = Omit<Question<Item, T>, 'place' | 'timeoutMs'> & AdminOptions

/** Finds the broker that each call of an administrator must go to, and repeats what failed because it was another one. */
export class AdminCalls {
  readonly cluster: Cluster
  readonly #timeoutMs: number

  /** @param timeoutMs Kafka's `default.api.timeout.ms` */
  constructor(cluster: Cluster, timeoutMs: number) {
    this.cluster = cluster
    this.#timeoutMs = timeoutMs
  }

  /** How long a call with these options may take. */
  timeoutOf({ timeoutMs = this.#timeoutMs }: AdminOptions): number {
    check('admin', 'timeoutMs', timeoutMs, timeout)
    return timeoutMs
  }

  /** One question to any broker. */
  any<T>(what: string, options: AdminOptions, ask: (connection: BrokerConnection) => Promise<T>): Promise<T> {
    return this.#once(what, options, () => this.cluster.any(), ask)
  }

  /** One question to the controller. @param timeoutMs of `ask`: what is left of the time, for the field of that name */
  controller<T>(what: string, options: AdminOptions, ask: (connection: BrokerConnection, timeoutMs: number) => Promise<T>): Promise<T> {
    return this.#once(what, options, () => this.cluster.controller(), ask)
  }

  /** A question about many things, all of which the controller decides. */
  onController<Item, T>(asking: Asking<Item, T>): Promise<T[]> {
    return this.#settle(asking, async (items, again) => {
      if (again) await this.#refresh()
      return { parts: [{ connect: () => this.cluster.controller(), items }] }
    })
  }

  /** A question about many things, each of which any broker knows. */
  onAny<Item, T>(asking: Asking<Item, T>): Promise<T[]> {
    return this.#settle(asking, async (items) => ({ parts: [{ connect: () => this.cluster.any(), items }] }))
  }

  /** A question about groups or transactional ids, for their coordinators. */
  onCoordinators<Item, T>(kind: CoordinatorKind, keyOf: (item: Item) => string, asking: Asking<Item, T>): Promise<T[]> {
    const { coordinators } = this.cluster
    return this.#settle(asking, async (items, again) => {
      if (again) for (const item of items) coordinators.forget(kind, keyOf(item))
      const nodes = await coordinators.findAll(kind, items.map(keyOf))
      return this.#onNodes(items, (item) => nodes.get(keyOf(item))!)
    })
  }

  /** A question about partitions, for their leaders. */
  onLeaders<Item extends TopicPartition, T>(asking: Asking<Item, T>): Promise<T[]> {
    return this.#settle({ retries: isWorthAskingLeaders, ...asking }, async (items, again) => {
      const places = await placeOnLeaders(this.cluster, items, again)
      return this.#onNodes(items, (item) => places.get(item)!)
    })
  }

  /** A question for brokers by their node ids; undefined: any broker knows. */
  onBrokers<Item, T>(nodeOf: (item: Item) => number | undefined, asking: Asking<Item, T>): Promise<T[]> {
    return this.#settle(asking, async (items, again) => {
      const isKnown = (node: number | undefined): boolean => node === undefined || this.cluster.image.brokers.has(node)
      if (again || !items.map(nodeOf).every(isKnown)) await this.#refresh()
      return this.#onNodes(items, (item) => {
        const node = nodeOf(item)
        if (isKnown(node)) return node
        return new MoldauError('INVALID_ARGUMENT', `there is no broker ${node}: describeCluster() tells which there are`)
      })
    })
  }

  /** What each broker knows of its own only: all are asked. */
  async everyBroker<T>(
    what: string,
    options: AdminOptions,
    ask: (connection: BrokerConnection, node: number) => Promise<Omit<Answer<T[]>, 'name'>>,
  ): Promise<T[]> {
    await this.any(what, options, () => this.cluster.refresh())
    const items = [...this.cluster.image.brokers.keys()]
    const answers = await this.onBrokers<number, T[]>((node) => node, {
      what: `${what} of broker`,
      items,
      each: whole(0),
      nameOf: String,
      ...options,
      ask: async (connection, nodes) => [{ name: String(nodes[0]), ...(await ask(connection, nodes[0]!)) }],
    })
    return answers.flat()
  }

  async #refresh(): Promise<void> {
    await this.cluster.refresh().catch(() => {})
  }

  async #settle<Item, T>(asking: Asking<Item, T>, place: Question<Item, T>['place']): Promise<T[]> {
    return settle(this.cluster, { ...asking, timeoutMs: this.timeoutOf(asking), place })
  }

  #onNodes<Item>(items: readonly Item[], placeOf: (item: Item) => number | undefined | MoldauError): Placement<Item> {
    const byNode = new Map<number | undefined, Item[]>()
    const failed: { item: Item; error: MoldauError }[] = []
    for (const item of items) {
      const place = placeOf(item)
      if (place instanceof MoldauError) failed.push({ item, error: place })
      else if (byNode.has(place)) byNode.get(place)!.push(item)
      else byNode.set(place, [item])
    }
    const connect = (node: number | undefined): Promise<BrokerConnection> =>
      node === undefined ? this.cluster.any() : this.cluster.node(node)
    const parts = [...byNode].map(([node, of]) => ({ connect: () => connect(node), items: of }))
    return { parts, failed }
  }

  async #once<T>(
    what: string,
    options: AdminOptions,
    connect: () => Promise<BrokerConnection>,
    ask: (connection: BrokerConnection, timeoutMs: number) => Promise<T>,
  ): Promise<T> {
    const { clock, requestTimeoutMs } = this.cluster
    const timeoutMs = this.timeoutOf(options)
    const deadline = clock.monotonic() + timeoutMs
    return this.cluster.retry({ what, timeoutMs }, async () => {
      try {
        const left = Math.max(1, Math.min(requestTimeoutMs, Math.floor(deadline - clock.monotonic())))
        return await ask(await connect(), left)
      } catch (error) {
        if (isRetriableError(error)) await this.#refresh()
        throw error
      }
    })
  }
}
