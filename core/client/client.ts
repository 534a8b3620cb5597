import { Cluster } from '../cluster/cluster.ts'
import { parseAddresses } from '../cluster/address.ts'
import type { Connectable } from '../cluster/address.ts'
import { tcpDialer } from '../net/dialer.ts'
import { AdminCalls } from './admin/calls.ts'
import { Admin } from './admin.ts'
import { Consumer } from './consumer.ts'
import { defaultLogger } from './default-logger.ts'
import { readClientOptions } from './client-options.ts'
import type { ClientOptions } from './client-options.ts'
import type { ConsumerOptions } from './consumer-options.ts'
import type { ProducerOptions } from './producer-options.ts'
import { Producer } from './producer.ts'

/** A program's access to one cluster: makes producers and consumers, which share what is known of the cluster. Made by `connect`. */
export class Client {
  readonly admin: Admin
  readonly #cluster: Cluster
  readonly #open: Set<Producer | Consumer>
  readonly #closed: PromiseWithResolvers<void>

  private constructor(cluster: Cluster, apiTimeoutMs: number) {
    this.admin = new Admin(new AdminCalls(cluster, apiTimeoutMs))
    this.#cluster = cluster
    this.#open = new Set()
    this.#closed = Promise.withResolvers()
  }

  /** What `connect` does once this file is loaded. */
  static async connect(target: string | readonly string[] | Connectable, options: ClientOptions): Promise<Client> {
    const read = readClientOptions(options)
    const connectable = typeof target === 'string' || !('dialer' in target) ? undefined : target
    const addresses = parseAddresses(connectable === undefined ? (target as string | readonly string[]) : connectable.bootstrap)
    const dialer = read.dialer ?? connectable?.dialer ?? tcpDialer({ resolver: read.resolver })
    const logger = read.logger ?? (await defaultLogger())
    return new Client(await Cluster.connect({ ...read, logger, dialer, bootstrap: addresses }), read.defaultApiTimeoutMs)
  }

  /** Resolves when {@link Client.close} is called. */
  get closed(): Promise<void> {
    return this.#closed.promise
  }

  get clusterId(): string {
    return this.#cluster.clusterId
  }

  /** @throws MoldauError INVALID_CONFIG naming an option that does not exist or contradicts another */
  producer(options: ProducerOptions = {}): Producer {
    const producer: Producer = new Producer(this.#cluster, options, () => this.#open.delete(producer))
    this.#open.add(producer)
    return producer
  }

  /** @throws MoldauError INVALID_CONFIG */
  consumer(options: ConsumerOptions = {}): Consumer {
    const consumer: Consumer = new Consumer(this.#cluster, options, () => this.#open.delete(consumer))
    this.#open.add(consumer)
    return consumer
  }

  /** Closes every producer (after what it has under way) and consumer, then all connections. */
  async close(): Promise<void> {
    this.#closed.resolve()
    await Promise.allSettled([...this.#open].map((one) => one.close()))
    this.#cluster.close()
  }
}
