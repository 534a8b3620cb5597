import type { Connectable } from '../cluster/address.ts'
import type { Client } from './client.ts'
import type { ClientOptions } from './client-options.ts'

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
  // Loaded here, so that a program with nothing but a broker starts without the forty files of the client.
  const client = await import('./client.ts')
  return client.Client.connect(target, options)
}
