import { lookup, lookupService } from 'node:dns/promises'
import { isIP } from 'node:net'

import { refused } from './refused.ts'

/** Finds the addresses of host names. */
export interface Resolver {
  /** All of them, in the order in which they are to be tried. */
  addresses(host: string): Promise<readonly string[]>
  /** The name that the name service has for an address. */
  canonicalName(address: string): Promise<string>
}

/** What the operating system uses: hosts file, DNS, and its preference between IPv4 and IPv6. */
export const systemResolver: Resolver = {
  addresses: async (host) => (await lookup(host, { all: true, order: 'verbatim' })).map((found) => found.address),
  canonicalName: async (address) => (await lookupService(address, 0)).hostname,
}

/**
 * Dials the addresses of a host one after the other until one is there.
 *
 * @param dial throws a retriable error when nobody answers at the address
 * @throws MoldauError the error of the last, or CONNECTION_REFUSED when the name is not known
 */
export async function dialEach<T>(resolver: Resolver, host: string, port: number, dial: (address: string) => Promise<T>): Promise<T> {
  if (isIP(host) !== 0) return dial(host)
  const addresses = await resolver.addresses(host).catch((error: unknown) => {
    throw refused(host, port, error as Error)
  })
  let last: unknown = refused(host, port, new Error('the name has no address'))
  for (const address of addresses) {
    try {
      return await dial(address)
    } catch (error) {
      last = error
      if (!(error as { retriable?: boolean }).retriable) break
    }
  }
  throw last
}
