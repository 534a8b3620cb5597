import type { Serde } from '../../core/serde/serde.ts'

/** A window of so many records that is not full. */
export interface CountWindow {
  /** Which record of the key is its last one. */
  readonly last: number
  /** Time of its oldest record and of its newest. */
  readonly start: number
  readonly end: number
  readonly value: unknown
}

/** The windows of a key. */
export interface Counted {
  /** Records that the key has had. */
  readonly count: number
  readonly open: readonly CountWindow[]
}

const HEAD_BYTES = 8
/** Three numbers and the length of the value. */
const WINDOW_BYTES = 28

/** The count, then window by window its three numbers, int64, the length of the value, int32, and the value. */
export function countedSerde(value: Serde<unknown>): Serde<Counted> {
  return {
    name: `count windows of ${value.name}`,
    serialize({ count, open }) {
      const head = Buffer.allocUnsafe(HEAD_BYTES)
      head.writeBigInt64BE(BigInt(count))
      const parts: Buffer[] = [head]
      for (const window of open) {
        const bytes = value.serialize(window.value)
        const part = Buffer.allocUnsafe(WINDOW_BYTES)
        part.writeBigInt64BE(BigInt(window.last), 0)
        part.writeBigInt64BE(BigInt(window.start), 8)
        part.writeBigInt64BE(BigInt(window.end), 16)
        part.writeInt32BE(bytes.length, 24)
        parts.push(part, bytes)
      }
      return Buffer.concat(parts)
    },
    deserialize(buffer, start, end) {
      const open: CountWindow[] = []
      for (let at = start + HEAD_BYTES; at < end;) {
        const from = at + WINDOW_BYTES
        const to = from + buffer.readInt32BE(at + 24)
        const int64 = (offset: number): number => Number(buffer.readBigInt64BE(at + offset))
        open.push({ last: int64(0), start: int64(8), end: int64(16), value: value.deserialize(buffer, from, to) })
        at = to
      }
      return { count: Number(buffer.readBigInt64BE(start)), open }
    },
  }
}
