/** One connection as both sides see it: whole frames in, scatter lists out. TCP and in-process look the same. */
export interface Transport {
  /** Who is at the other end, for messages: `127.0.0.1:50123` or `in-process`. */
  readonly remote: string
  /** The certificate (DER) that the other side has shown and that was found good. */
  readonly peerCertificate?: Buffer | undefined
  /** Bytes sent that the other side has not taken yet. */
  readonly bufferedBytes: number
  /** Queues bytes (whole frames with their lengths). Nobody may change the buffers afterwards; those of the broker's pool go back to it. What is sent in one tick leaves in one write. */
  send(chunks: readonly Buffer[]): void
  /**
   * Called with each frame, without its length. Set it before the first tick ends. An accepted connection lends the frame: its memory is
   * used again after the call. A dialled one gives it away.
   */
  onFrame(handler: (frame: Buffer) => void): void
  /** No frame may be larger from now on, in bytes. */
  limitFrames?(frameBytesMax: number): void
  /** Called once; with an error when the other side broke the connection or the protocol. */
  onClose(handler: (error?: Error) => void): void
  /** Called whenever everything sent has been taken by the other side. */
  onDrain(handler: () => void): void
  /** No more frames until {@link resume}. */
  pause(): void
  resume(): void
  /** Sends what is queued, then ends the connection. */
  close(): void
  /** Ends the connection at once; the close handler gets `error`. */
  destroy(error?: Error): void
}

/** Largest frame that a client accepts from a broker, in bytes: fetch.max.bytes may be set high, a length field of random bytes is higher still. */
export const RESPONSE_BYTES_MAX = 1024 * 1024 * 1024

/** Kafka's `socket.request.max.bytes`. */
export const REQUEST_BYTES_MAX = 100 * 1024 * 1024
