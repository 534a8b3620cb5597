import type { Socket } from 'node:net'
import type { SecureContextOptions, Server, TLSSocket } from 'node:tls'

import { nodeTls } from '../base/node-tls.ts'
import { remoteOf } from './address.ts'

/** How long a handshake may take. */
const HANDSHAKE_MS = 10_000

export interface TlsAcceptorOptions {
  /** Key, certificates, versions, ciphers. */
  context: SecureContextOptions
  /** Whether clients show a certificate: Kafka's `ssl.client.auth`. */
  clientAuth: 'none' | 'requested' | 'required'
  /** Told about handshakes that came to nothing. */
  onFailed: (remote: string, why: string) => void
}

/** Makes accepted sockets speak TLS. */
export class TlsAcceptor {
  readonly #server: Server

  /** @param onSecure gets each connection with the certificate (DER) of its client, if one was shown */
  constructor(options: TlsAcceptorOptions, onSecure: (socket: TLSSocket, certificate: Buffer | undefined) => void) {
    const { context, clientAuth, onFailed } = options
    // It never listens: sockets are handed to it when they have been counted.
    this.#server = nodeTls().createServer({
      ...context,
      requestCert: clientAuth !== 'none',
      rejectUnauthorized: clientAuth === 'required',
      handshakeTimeout: HANDSHAKE_MS,
    })
    this.#server.on('tlsClientError', (error: Error, socket) => {
      onFailed(remoteOf(socket), reason(error))
      socket.destroy()
    })
    this.#server.on('secureConnection', (socket) => {
      const certificate = socket.getPeerX509Certificate()?.raw
      if (certificate !== undefined && !socket.authorized) {
        onFailed(remoteOf(socket), `the certificate of the client is not good: ${String(socket.authorizationError)}`)
        socket.destroy()
        return
      }
      onSecure(socket, certificate)
    })
  }

  /** Begins a handshake on a fresh connection. */
  shakeHands(socket: Socket): void {
    this.#server.emit('connection', socket)
  }

  replaceCertificates(context: SecureContextOptions): void {
    this.#server.setSecureContext(context)
  }

  /** No more handshakes; connections are the caller's to end. */
  close(): void {
    this.#server.close()
  }
}

function reason(error: Error): string {
  const code = (error as NodeJS.ErrnoException).code ?? ''
  if (
    /HTTP_REQUEST|WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|UNKNOWN_PROTOCOL|BAD_RECORD_TYPE|UNEXPECTED_MESSAGE|RECORD_LAYER_FAILURE/.test(
      code,
    )
  ) {
    return `it does not speak TLS (${code}): clients of this listener need security.protocol=SSL or SASL_SSL`
  }
  if (/PEER_DID_NOT_RETURN_A_CERTIFICATE/.test(code)) return 'it shows no certificate, and ssl.client.auth=required'
  return error.message
}
