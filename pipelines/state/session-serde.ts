import type { Serde } from '../../core/serde/serde.ts'

/** A session as its store has it, at the time of its end. */
export interface Session {
  readonly start: number
  readonly value: unknown
}

const START_BYTES = 8

/** Eight bytes for the start, then the value. */
export function sessionSerde(value: Serde<unknown>): Serde<Session> {
  return {
    name: `session of ${value.name}`,
    serialize(session) {
      const bytes = value.serialize(session.value)
      const result = Buffer.allocUnsafe(START_BYTES + bytes.length)
      result.writeBigInt64BE(BigInt(session.start))
      bytes.copy(result, START_BYTES)
      return result
    },
    deserialize(buffer, start, end) {
      return { start: Number(buffer.readBigInt64BE(start)), value: value.deserialize(buffer, start + START_BYTES, end) }
    },
  }
}
