import { Cluster } from '../cluster/cluster.ts'
import { parseAddresses } from '../cluster/address.ts'
import type { Connectable } from '../cluster/address.ts'
import { tcpDialer } from '../net/dialer.ts'
import { Admin } from './admin.ts'
import { Consumer } from './consumer.ts'
import { readClientOptions } from './options.ts'
import type { ClientOptions, ConsumerOptions, ProducerOptions } from './options.ts'
import { Producer } from './producer.ts'

/** A program's access to one cluster: makes producers and consumers, which share what is known of the cluster. */
export class Client {
  readonly admin: Admin
  readonly #cluster: Cluster
  readonly #open: Set<Producer | Consumer>

  /** Made by {@link connect}. */
  constructor(cluster: Cluster) {
    this.admin = new Admin(cluster)
    this.#cluster = cluster
    this.#open = new Set()
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
    await Promise.allSettled([...this.#open].map((one) => one.close()))
    this.#cluster.close()
  }
}

/**
 * Connects to a cluster: by address, or to a Broker of the same process, without a socket.
 *
 * ```ts
 * const client = await connect('kafka-1:9092,kafka-2:9092')
 * const local = await connect(await Broker.start({ dir: './data' }))
 * ```
 *
 * @throws MoldauError CONNECTION_REFUSED naming every address where nobody answers, INVALID_CONFIG
 */
export async function connect(target: string | readonly string[] | Connectable, options: ClientOptions = {}): Promise<Client> {
  const read = readClientOptions(options)
  const connectable = typeof target === 'string' || !('dialer' in target) ? undefined : target
  const addresses = connectable === undefined ? parseAddresses(target as string | readonly string[]) : parseAddresses(connectable.bootstrap)
  const dialer = read.dialer ?? connectable?.dialer ?? tcpDialer()
  return new Client(await Cluster.connect({ ...read, dialer, bootstrap: addresses }))
}
