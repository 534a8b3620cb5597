import { SocketAddress, isIPv6 } from 'node:net'

/** What a listener for both kinds of addresses shows those of IPv4 with. */
const IPV4_IN_IPV6 = '::ffff:'

/**
 * The one form of an address: `::1` for `0:0:0:0:0:0:0:1`, which is how Java and so Kafka write it, and `10.0.0.1` for `::ffff:10.0.0.1`. What is no
 * address stays as it is.
 */
export function plainAddress(text: string): string {
  if (!isIPv6(text)) return text
  const { address } = new SocketAddress({ address: text, family: 'ipv6' })
  return address.startsWith(IPV4_IN_IPV6) ? address.slice(IPV4_IN_IPV6.length) : address
}
