import { connect } from 'node:net'

import { establish } from './establish.ts'
import { refused } from './refused.ts'
import { dialEach, systemResolver } from './resolver.ts'
import type { Resolver } from './resolver.ts'
import { TcpTransport, readingInto } from './tcp.ts'
import { RESPONSE_BYTES_MAX } from './transport.ts'
import type { Transport } from './transport.ts'

export type { Transport } from './transport.ts'

/** Makes connections: over TCP, or to a broker in the same process. */
export interface Dialer {
  /**
   * @param timeoutMs how long the connection may take to come up; default the dialer's own
   * @throws MoldauError CONNECTION_REFUSED or TIMEOUT, both retriable
   */
  dial(host: string, port: number, timeoutMs?: number): Promise<Transport>
}

export interface TcpDialerOptions {
  /** How long a connection may take to come up, to each address of a host; default 10 s (Kafka's `socket.connection.setup.timeout.ms`). */
  connectTimeoutMs?: number
  /** Default: what the operating system uses. */
  resolver?: Resolver | undefined
}

export const CONNECT_TIMEOUT_MS = 10_000

/** Connections over TCP, to the first of a host's addresses where somebody answers. */
export function tcpDialer({ connectTimeoutMs = CONNECT_TIMEOUT_MS, resolver = systemResolver }: TcpDialerOptions = {}): Dialer {
  return {
    dial: (host, port, timeoutMs = connectTimeoutMs) => dialEach(resolver, host, port, (address) => dialTcp(address, port, timeoutMs)),
  }
}

function dialTcp(host: string, port: number, connectTimeoutMs: number): Promise<Transport> {
  const end: { transport?: TcpTransport } = {}
  const socket = connect({ host, port, noDelay: true, keepAlive: true, onread: readingInto(end) })
  const onUp = (): Transport => (end.transport = new TcpTransport(socket, { frameBytesMax: RESPONSE_BYTES_MAX, chunksAreReused: true }))
  return establish(socket, { host, port, connectTimeoutMs, event: 'connect', onUp, failure: (error) => refused(host, port, error) })
}
