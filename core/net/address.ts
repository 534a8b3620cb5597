import { plainAddress } from '../base/ip-address.ts'

/** The end of a connection that is not ours, as `node:net` knows it. */
interface Ends {
  readonly remoteAddress?: string | undefined
  readonly remotePort?: number | undefined
}

/** Where a connection comes from, in the form that access control, quotas and limits know it by, whatever listener it came to. */
export function addressOf({ remoteAddress }: Ends): string {
  return remoteAddress === undefined ? 'unknown' : plainAddress(remoteAddress)
}

/** Address and port: `127.0.0.1:50123` */
export function remoteOf(ends: Ends): string {
  return `${addressOf(ends)}:${ends.remotePort ?? 0}`
}
