import { isIP } from 'node:net'
import type { SecureContextOptions } from 'node:tls'

import { MoldauError, messageOf } from '../base/errors.ts'
import { nodeTls } from '../base/node-tls.ts'
import { CONNECT_TIMEOUT_MS } from './dialer.ts'
import type { Dialer, TcpDialerOptions } from './dialer.ts'
import { establish } from './establish.ts'
import { refused } from './refused.ts'
import { dialEach, systemResolver } from './resolver.ts'
import { TcpTransport } from './tcp.ts'
import { RESPONSE_BYTES_MAX } from './transport.ts'
import type { Transport } from './transport.ts'

export interface TlsDialerOptions extends TcpDialerOptions {
  /** Our certificate and key, and whom we trust; without `ca` those that Node.js trusts. */
  context?: SecureContextOptions
  /** The name that the broker's certificate must have, where it is not the host that is dialled. */
  servername?: string
  /** False takes any name in a certificate that is otherwise good (Kafka's empty `ssl.endpoint.identification.algorithm`). Default true. */
  checkName?: boolean
  /** False trusts any certificate: for trials only. Default true. */
  rejectUnauthorized?: boolean
}

/** Connections over TLS, to the first of a host's addresses where somebody answers. */
export function tlsDialer(options: TlsDialerOptions = {}): Dialer {
  const { connectTimeoutMs = CONNECT_TIMEOUT_MS, resolver = systemResolver } = options
  return {
    dial: (host, port, timeoutMs = connectTimeoutMs) =>
      dialEach(resolver, host, port, (address) => dialTls({ host, address, port }, timeoutMs, options)),
  }
}

interface Target {
  /** What the certificate is for. */
  host: string
  address: string
  port: number
}

async function dialTls({ host, address, port }: Target, connectTimeoutMs: number, options: TlsDialerOptions): Promise<Transport> {
  const { checkName = true, rejectUnauthorized = true } = options
  const servername = options.servername ?? (isIP(host) === 0 ? host : undefined)
  const socket = nodeTls().connect({
    host: address,
    port,
    ...options.context,
    rejectUnauthorized,
    ...(servername !== undefined && { servername }),
    ...(!checkName && { checkServerIdentity: () => undefined }),
  })
  socket.setNoDelay(true)
  socket.setKeepAlive(true)
  let isThere = false
  socket.once('connect', () => (isThere = true))
  const onUp = (): Transport => {
    const transport = new TcpTransport(socket, { frameBytesMax: RESPONSE_BYTES_MAX })
    socket.on('data', (chunk: Buffer) => transport.receive(chunk))
    return transport
  }
  return establish(socket, {
    host,
    port,
    connectTimeoutMs,
    event: 'secureConnect',
    onUp,
    failure: (error) => failure(host, port, error, isThere),
  })
}

/** Errors of the network: a broker may be there the next time. */
const NETWORK = /^(ECONN|EHOST|ENET|ETIMEDOUT|EPIPE|ENOTFOUND|EAI_|EADDR)/

/** @param isThere whether somebody has answered at all */
function failure(host: string, port: number, error: NodeJS.ErrnoException, isThere: boolean): MoldauError {
  if (NETWORK.test(error.code ?? '')) return isThere ? hungUp(host, port, error) : refused(host, port, error)
  return new MoldauError('TLS_FAILED', `no TLS with ${host}:${port}: ${remedy(error)}`, { cause: error })
}

/** What a listener without TLS does with a handshake, and any broker that stops in that moment. */
function hungUp(host: string, port: number, cause: Error): MoldauError {
  const remedy = 'if it does not speak TLS leave ssl and security.protocol out, or use the port of its TLS listener'
  return new MoldauError(
    'TLS_FAILED',
    `no TLS with ${host}:${port}: it ended the connection in the handshake (${cause.message}): ${remedy}`,
    {
      cause,
      retriable: true,
    },
  )
}

function remedy(error: NodeJS.ErrnoException): string {
  const code = error.code ?? ''
  if (/WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|UNKNOWN_PROTOCOL/.test(code))
    return 'it does not speak TLS: leave ssl out, or use the port of its TLS listener'
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return `${error.message}: use the name that the certificate is for, or set ssl.servername`
  if (/SELF_SIGNED|UNABLE_TO_|CERT_/.test(code)) return `${error.message} (${code}): name whom you trust, ssl.ca or ssl.truststore.location`
  return messageOf(error)
}

/** With TLS 1.3 a broker refuses our certificate only after the handshake: an error of TLS in what ended the connection. Undefined for all else. */
export function handshakeProblem(remote: string, error: unknown): MoldauError | undefined {
  const cause = error instanceof MoldauError ? error.cause : undefined
  const code = (cause as NodeJS.ErrnoException | undefined)?.code ?? ''
  if (!code.startsWith('ERR_SSL_')) return undefined
  return new MoldauError(
    'TLS_FAILED',
    `${remote} ended the connection: ${messageOf(cause)}: does it want a certificate of ours (ssl.cert, ssl.key)?`,
    { cause },
  )
}
