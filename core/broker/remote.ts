/** The two parts of where a client is: `127.0.0.1:50123`; in this process there is no port. */
export function remoteParts(remote: string): { address: string; port: string } {
  const colon = remote.lastIndexOf(':')
  return colon < 0 ? { address: remote, port: '' } : { address: remote.slice(0, colon), port: remote.slice(colon + 1) }
}
