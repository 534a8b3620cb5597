import type { Transform } from 'node:stream'

/** What Node keeps to itself of a decompressor of `node:zlib`. */
interface Inside {
  _handle: Handle | null
  /** Room that is left for output, bytes that are left of the input. */
  _writeState: Uint32Array
}

interface Handle {
  writeSync(flush: number, input: Buffer, at: number, length: number, out: Buffer, outAt: number, outLength: number): void
  reset(): void
  close(): void
  onerror: (message: string, errno: number, code: string) => void
}

const METHODS = ['writeSync', 'reset', 'close'] as const

/**
 * A decompressor of `node:zlib` that is used for one batch after the other, into memory of ours. Node's own way is a new one for each, with
 * buffers outside of V8's heap: that costs more than the decompression, and keeps the garbage collector at work. The way there is private
 * to Node: where it is not as we know it, nothing is ever decompressed here.
 */
export class Inflater {
  readonly #make: () => Transform
  readonly #flush: number
  readonly #resets: boolean
  #handle: Handle | undefined
  #state: Uint32Array
  #isUsable: boolean
  #failed: boolean

  /**
   * @param make a decompressor in its first state
   * @param flush what says that the input is whole
   * @param resets it must be told before it is used again
   */
  constructor(make: () => Transform, flush: number, resets: boolean) {
    this.#make = make
    this.#flush = flush
    this.#resets = resets
    this.#handle = undefined
    this.#state = new Uint32Array(2)
    this.#isUsable = true
    this.#failed = false
  }

  /**
   * Decompresses `input` to the beginning of `out`.
   *
   * @returns how many bytes there are, or -1: they do not fit with a byte to spare, something follows them, or they are damaged
   */
  into(input: Buffer, out: Buffer): number {
    if (!this.#isUsable || out.length === 0) return -1
    const handle = (this.#handle ??= this.#open())
    if (handle === undefined) return -1
    this.#failed = false
    handle.writeSync(this.#flush, input, 0, input.length, out, 0, out.length)
    const [room, left] = this.#state
    // In the middle of something: the next one would be taken for its rest.
    if (this.#failed || room === 0 || left !== 0) {
      // Now, not when the garbage collector comes: its memory is outside of V8's heap, which knows little of how much there is.
      handle.close()
      this.#handle = undefined
      return -1
    }
    if (this.#resets) handle.reset()
    return out.length - room!
  }

  #open(): Handle | undefined {
    const { _handle: handle, _writeState: state } = this.#make() as unknown as Partial<Inside>
    const isKnown = handle !== null && typeof handle === 'object' && METHODS.every((name) => typeof handle[name] === 'function')
    if (!isKnown || !(state instanceof Uint32Array) || state.length !== 2) {
      this.#isUsable = false
      return undefined
    }
    // Not the stream's own way, which ends the stream.
    handle.onerror = () => (this.#failed = true)
    this.#state = state
    return handle
  }
}
