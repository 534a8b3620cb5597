import { Reader, Writer } from '../base/bytes.ts'
import { messageOf, MoldauError } from '../base/errors.ts'
import { compile, sourceOf } from './compile.ts'
import type { Compiled } from './compile.ts'
import { interpretDecode, interpretEncode } from './interpret.ts'
import type { Infer, Input, Message } from './schema.ts'
import { describeVersions, includes } from './versions.ts'

/** Reads and writes messages, with code compiled on first use for each version of each message. */

/**
 * Damaged messages up to this size are walked a second time to name the field: the interpreter is slow, and whoever sends garbage
 * shall not make us spend seconds on it.
 */
const EXPLAINED_BYTES_MAX = 1024 * 1024

const compiled = new WeakMap<Message, (Compiled | undefined)[]>()

function codecOf(message: Message, version: number): Compiled {
  let versions = compiled.get(message)
  if (versions === undefined) {
    versions = []
    compiled.set(message, versions)
  }
  return (versions[version] ??= build(message, version))
}

function build(message: Message, version: number): Compiled {
  if (!includes(message.versions, version)) {
    throw new MoldauError('UNSUPPORTED_VERSION', `${message.name} has versions ${describeVersions(message.versions)}, not ${version}`)
  }
  try {
    return compile(message, version)
  } catch (error) {
    if (!(error instanceof EvalError)) throw error
    return {
      decode: (r) => interpretDecode(message, version, r),
      encode: (w, body) => interpretEncode(message, version, body, w),
    }
  }
}

/**
 * Reads one message. Buffers in it (`bytes`, `records`) are slices of the reader's buffer. Bytes behind the message stay unread.
 *
 * @throws MoldauError CORRUPT_FRAME naming the field, UNSUPPORTED_VERSION
 */
export function decode<M extends Message>(message: M, version: number, r: Reader): Infer<M> {
  const codec = codecOf(message, version)
  const { pos, end } = r
  try {
    return codec.decode(r) as Infer<M>
  } catch (error) {
    // The compiled code does not know where it is: the interpreter walks the same bytes again and names the field.
    if (end - pos > EXPLAINED_BYTES_MAX) throw new MoldauError('CORRUPT_FRAME', `${message.name}: ${messageOf(error)} (version ${version})`)
    r.pos = pos
    r.end = end
    return interpretDecode(message, version, r) as Infer<M>
  }
}

/**
 * Writes one message. Buffers of 4 KiB and more are referred to, not copied. After an error the writer holds a part of the message.
 *
 * @throws MoldauError INVALID_ARGUMENT naming the field: a value of the wrong type; UNSUPPORTED_VERSION: one that this version cannot carry
 */
export function encode<M extends Message>(message: M, version: number, body: Input<M>, w: Writer): void {
  const codec = codecOf(message, version)
  try {
    codec.encode(w, body)
  } catch {
    interpretEncode(message, version, body, new Writer())
    throw new Error(`moldau bug: compiled ${message.name} v${version} refuses what the interpreter takes; please report it`)
  }
}

/** Reads a message that fills the whole buffer. */
export function decodeBuffer<M extends Message>(message: M, version: number, buf: Buffer): Infer<M> {
  return decode(message, version, new Reader(buf))
}

/** Writes a message into a buffer of its own. */
export function encodeBuffer<M extends Message>(message: M, version: number, body: Input<M>): Buffer {
  const w = new Writer()
  encode(message, version, body, w)
  return w.toBuffer()
}

/** The code that reads and writes one version of a message, for people. */
export function inspect(message: Message, version: number): string {
  return sourceOf(message, version).code
}
