/** The end of a connection that is not ours, as `node:net` knows it. */
interface Ends {
  readonly remoteAddress?: string | undefined
  readonly remotePort?: number | undefined
}

const IPV4_IN_IPV6 = '::ffff:'

/**
 * Where a connection comes from. A listener for both kinds of addresses gets those of IPv4 in the clothes of IPv6 (`::ffff:127.0.0.1`): they are
 * the same addresses, for access control, quotas, limits and whoever reads them.
 */
export function addressOf({ remoteAddress }: Ends): string {
  if (remoteAddress === undefined) return 'unknown'
  return remoteAddress.startsWith(IPV4_IN_IPV6) ? remoteAddress.slice(IPV4_IN_IPV6.length) : remoteAddress
}

/** Address and port: `127.0.0.1:50123` */
export function remoteOf(ends: Ends): string {
  return `${addressOf(ends)}:${ends.remotePort ?? 0}`
}
