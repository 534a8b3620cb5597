import type { Serde } from '../../core/serde/serde.ts'

/** A session as its store has it, at the time of its end. */
export interface Session {
  readonly start: number
  readonly value: unknown
}

/** A sliding window as its store has it, at the time of its end. */
export interface Slide {
  /** Time of the newest record in it. */
  readonly newest: number
  readonly value: unknown
}

const TIME_BYTES = 8

export function sessionSerde(value: Serde<unknown>): Serde<Session> {
  return timed(
    `session of ${value.name}`,
    value,
    ({ start }) => start,
    (start, of) => ({ start, value: of }),
  )
}

export function slideSerde(value: Serde<unknown>): Serde<Slide> {
  return timed(
    `sliding window of ${value.name}`,
    value,
    ({ newest }) => newest,
    (newest, of) => ({ newest, value: of }),
  )
}

/** Eight bytes for a time, then the value. */
function timed<T extends { readonly value: unknown }>(
  name: string,
  value: Serde<unknown>,
  timeOf: (whole: T) => number,
  make: (time: number, value: unknown) => T,
): Serde<T> {
  return {
    name,
    serialize(whole) {
      const bytes = value.serialize(whole.value)
      const result = Buffer.allocUnsafe(TIME_BYTES + bytes.length)
      result.writeBigInt64BE(BigInt(timeOf(whole)))
      bytes.copy(result, TIME_BYTES)
      return result
    },
    deserialize(buffer, start, end) {
      return make(Number(buffer.readBigInt64BE(start)), value.deserialize(buffer, start + TIME_BYTES, end))
    },
  }
}
