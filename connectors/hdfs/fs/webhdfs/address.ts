import { userInfo } from 'node:os'
import { MoldauError } from '../../../../core/base/errors.ts'

/** Where a WebHDFS is, as its URL says. */
export interface WebHdfsAddress {
  readonly tls: boolean
  /** `host:port` of each NameNode (or gateway); one of them is active. */
  readonly nodes: readonly string[]
  readonly user: string | undefined
  /** The directory, from the root, without a slash at its end: `/data/lake`, or empty for the root. */
  readonly root: string
}

/** Ports of Hadoop 3. */
const DEFAULT_PORTS = { http: 9870, https: 9871 }
const FORM = 'webhdfs://[user@]namenode[:9870][,namenode2[:9870]]/directory'

/**
 * Reads `webhdfs://` and `swebhdfs://` URLs. Not the URL class: it knows no list of hosts.
 *
 * @throws MoldauError INVALID_CONFIG
 */
export function parseWebHdfsUrl(url: string): WebHdfsAddress {
  const match = /^(s?)webhdfs:\/\/(?:([^/@]*)@)?([^/@?#]*)([^?#]*)$/i.exec(url)
  if (match === null) throw invalid(url, `it is not of the form ${FORM}`)
  const [, s, user, authority, path] = match
  const tls = s !== ''
  const nodes = authority!.split(',').map((node) => nodeOf(url, node, tls ? DEFAULT_PORTS.https : DEFAULT_PORTS.http))
  if (user !== undefined && (user === '' || user.includes(':'))) {
    throw invalid(url, 'before the @ stands a user name alone; passwords and tokens are options (webhdfs: { delegationToken })')
  }
  const names = decode(url, path!)
    .split('/')
    .filter((name) => name !== '')
  if (names.some((name) => name === '.' || name === '..')) throw invalid(url, 'the directory has . or .. in it; write it out')
  const decodedUser = user === undefined ? undefined : decode(url, user)
  return { tls, nodes, user: decodedUser, root: names.map((name) => `/${name}`).join('') }
}

/** Who asks where nobody is named: what Hadoop's own tools take. */
export function defaultUser(): string {
  return process.env['HADOOP_USER_NAME'] ?? userInfo().username
}

function nodeOf(url: string, text: string, defaultPort: number): string {
  const match = /^(\[[0-9a-f:.]+\]|[^:[\]\s]+)(?::(\d{1,5}))?$/i.exec(text)
  const port = match?.[2] === undefined ? defaultPort : Number(match[2])
  if (match === null || port < 1 || port > 65_535) throw invalid(url, `"${text}" is not a host and port; the form is ${FORM}`)
  return `${match[1]}:${port}`
}

function decode(url: string, text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw invalid(url, 'a % in it is not followed by two hexadecimal digits; write % itself as %25')
  }
}

function invalid(url: string, why: string): MoldauError {
  return new MoldauError('INVALID_CONFIG', `url ${url}: ${why}`)
}
