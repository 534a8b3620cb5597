import { MoldauError } from '../base/errors.ts'
import type { Dialer } from '../net/dialer.ts'
import type { Resolver } from '../net/resolver.ts'

export interface Address {
  host: string
  port: number
}

/** Anything that a client can be connected to without an address: a Broker of the same process carries its own dialer. */
export interface Connectable {
  readonly dialer: Dialer
  /** `host:port`, or `in-process` where there is no port: the dialer knows. */
  readonly bootstrap: string
}

const PORT_DEFAULT = 9092

/**
 * Reads `host:port`, `host` (port 9092), `[::1]:9092`, and lists of these separated by commas.
 *
 * @throws MoldauError INVALID_CONFIG naming the part that is no address
 */
export function parseAddresses(target: string | readonly string[]): Address[] {
  const parts = (typeof target === 'string' ? [target] : target).flatMap((text) => text.split(',')).map((text) => text.trim())
  const addresses = parts.filter((text) => text !== '').map(parseAddress)
  if (addresses.length === 0) throw new MoldauError('INVALID_CONFIG', `no broker address given: write 'localhost:9092', or a list`)
  return addresses
}

function parseAddress(text: string): Address {
  const match = /^(?:\[([^\]]+)\]|([^:/\s]+))(?::(\d{1,5}))?$/.exec(text)
  const port = match?.[3] === undefined ? PORT_DEFAULT : Number(match[3])
  if (match === null || port > 65_535) {
    throw new MoldauError('INVALID_CONFIG', `'${text}' is no broker address: write host:port, for example localhost:9092 or [::1]:9092`)
  }
  return { host: match[1] ?? match[2]!, port }
}

/** As it is typed. */
export function addressText(address: Address): string {
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`
}

/**
 * The canonical names of all addresses that the hosts have: what a certificate or a Kerberos principal is for, where one name stands for many brokers.
 *
 * @throws MoldauError CONNECTION_REFUSED (retriable) when no name is known
 */
export async function canonicalAddresses(resolver: Resolver, addresses: readonly Address[]): Promise<Address[]> {
  const found: Address[] = []
  const unknown: string[] = []
  for (const { host, port } of addresses) {
    try {
      for (const address of await resolver.addresses(host)) found.push({ host: await resolver.canonicalName(address), port })
    } catch {
      unknown.push(host)
    }
  }
  if (found.length > 0) return found
  const message = `no address is known for ${unknown.join(', ')}: correct the name, or see to the name service`
  throw new MoldauError('CONNECTION_REFUSED', message, { retriable: true })
}
