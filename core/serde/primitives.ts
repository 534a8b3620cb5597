import { MoldauError, messageOf } from '../base/errors.ts'
import type { Serde } from './serde.ts'

const TWO_32 = 2 ** 32

/** UTF-8 text, as Kafka's StringSerializer. */
export const string: Serde<string> = {
  name: 'string',
  serialize(value) {
    if (typeof value !== 'string') throw unfit('string', value, 'a string')
    return Buffer.from(value, 'utf8')
  },
  deserialize: (buffer, start, end) => buffer.toString('utf8', start, end),
}

/** The bytes themselves; what comes out is a view of the batch, to be copied by whoever keeps it. */
export const bytes: Serde<Buffer> = {
  name: 'bytes',
  serialize(value) {
    if (!Buffer.isBuffer(value)) throw unfit('bytes', value, 'a Buffer')
    return value
  },
  deserialize: (buffer, start, end) => buffer.subarray(start, end),
}

/** Four bytes, big-endian, as Kafka's IntegerSerializer. */
export const int32: Serde<number> = {
  name: 'int32',
  serialize(value) {
    if (value !== (value | 0)) throw unfit('int32', value, 'a whole number of 32 bits')
    const buffer = Buffer.allocUnsafe(4)
    buffer.writeInt32BE(value, 0)
    return buffer
  },
  deserialize(buffer, start, end) {
    checkLength('int32', 4, end - start)
    return buffer.readInt32BE(start)
  },
}

/** Eight bytes, big-endian, as Kafka's LongSerializer; numbers beyond 2^53 are an error in both directions. */
export const int64: Serde<number> = {
  name: 'int64',
  serialize(value) {
    if (!Number.isSafeInteger(value)) throw unfit('int64', value, 'a whole number within 2^53')
    const buffer = Buffer.allocUnsafe(8)
    buffer.writeInt32BE(Math.floor(value / TWO_32), 0)
    buffer.writeInt32BE(value | 0, 4)
    return buffer
  },
  deserialize(buffer, start, end) {
    checkLength('int64', 8, end - start)
    const value = buffer.readInt32BE(start) * TWO_32 + buffer.readUInt32BE(start + 4)
    if (!Number.isSafeInteger(value)) {
      throw new MoldauError(
        'SERDE_FAILED',
        `int64: ${buffer.readBigInt64BE(start)} is beyond 2^53; read the topic with \`bytes\` and readBigInt64BE`,
      )
    }
    return value
  },
}

/** Eight bytes, IEEE 754, big-endian, as Kafka's DoubleSerializer. */
export const float64: Serde<number> = {
  name: 'float64',
  serialize(value) {
    if (typeof value !== 'number') throw unfit('float64', value, 'a number')
    const buffer = Buffer.allocUnsafe(8)
    buffer.writeDoubleBE(value, 0)
    return buffer
  },
  deserialize(buffer, start, end) {
    checkLength('float64', 8, end - start)
    return buffer.readDoubleBE(start)
  },
}

/** JSON text. The type is a promise of the caller's: nothing checks what comes in. */
export function json<T>(): Serde<T> {
  return {
    name: 'json',
    serialize(value) {
      let text: string | undefined
      try {
        text = JSON.stringify(value) as string | undefined
      } catch (error) {
        throw new MoldauError('SERDE_FAILED', `json: the value cannot be written: ${messageOf(error)}`, { cause: error })
      }
      if (text === undefined) throw unfit('json', value, 'something that JSON can hold')
      return Buffer.from(text, 'utf8')
    },
    deserialize(buffer, start, end) {
      try {
        return JSON.parse(buffer.toString('utf8', start, end)) as T
      } catch (error) {
        throw new MoldauError(
          'SERDE_FAILED',
          `json: the ${end - start} bytes are not JSON: ${messageOf(error)}; is the topic written with another serde?`,
          {
            cause: error,
          },
        )
      }
    },
  }
}

function checkLength(name: string, wanted: number, found: number): void {
  if (found !== wanted)
    throw new MoldauError('SERDE_FAILED', `${name}: needs ${wanted} bytes, found ${found}; is the topic written with another serde?`)
}

function unfit(name: string, value: unknown, wanted: string): MoldauError {
  return new MoldauError('SERDE_FAILED', `${name}: cannot write ${describeValue(value)}, it takes ${wanted}`)
}

/** A value in a message: short, never the whole of a large one. */
export function describeValue(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}...` : value)
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  if (typeof value !== 'object') return `a ${typeof value}`
  return Array.isArray(value) ? `an array of ${value.length}` : `an object (${Object.keys(value).slice(0, 5).join(', ')})`
}
