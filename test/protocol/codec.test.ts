import test from 'ava'
import fc from 'fast-check'
import { Reader, Writer } from '../../core/base/bytes.ts'
import { MoldauError } from '../../core/base/errors.ts'
import { decodeBuffer, encodeBuffer } from '../../core/protocol/codec.ts'
import { compile } from '../../core/protocol/compile.ts'
import { interpretDecode, interpretEncode } from '../../core/protocol/interpret.ts'
import type { Message } from '../../core/protocol/schema.ts'
import { everyVersion } from '../support/all-messages.ts'
import { arbitraryBody } from '../support/arbitrary-message.ts'

const seed = Number(process.env['SEED'] ?? 20_261_123)

function interpreted(message: Message, version: number, body: unknown): Buffer {
  const w = new Writer()
  interpretEncode(message, version, body, w)
  return w.toBuffer()
}

/** What came out of a decoder: the value, or the code of the error. */
function outcome(decode: () => unknown): unknown {
  try {
    return decode()
  } catch (error) {
    return error instanceof MoldauError ? error.code : error
  }
}

test('compiled and interpreted code write the same bytes and read back the same value, for every version of every message', (t) => {
  everyVersion((message, version) => {
    const codec = compile(message, version)
    fc.assert(
      fc.property(arbitraryBody(message, version), (body) => {
        const w = new Writer(16)
        codec.encode(w, body)
        const bytes = w.toBuffer()
        if (!bytes.equals(interpreted(message, version, body))) throw new Error(`${message.name} v${version}: other bytes`)
        const r = new Reader(bytes)
        t.deepEqual(codec.decode(r), body, `${message.name} v${version}`)
        if (r.remaining !== 0) throw new Error(`${message.name} v${version}: ${r.remaining} bytes not read`)
        t.deepEqual(interpretDecode(message, version, new Reader(bytes)), body, `${message.name} v${version}`)
      }),
      { numRuns: 8, seed },
    )
  })
})

test('truncated and damaged messages are CORRUPT_FRAME or another valid message, the same for compiled and interpreted code', (t) => {
  const codes = new Set<unknown>()
  everyVersion((message, version) => {
    const codec = compile(message, version)
    const damage = fc.record({ cut: fc.nat(), at: fc.nat(), to: fc.integer({ min: 0, max: 255 }) })
    fc.assert(
      fc.property(arbitraryBody(message, version), damage, (body, { cut, at, to }) => {
        const whole = Buffer.from(encodeBuffer(message, version, body))
        const truncated = whole.subarray(0, cut % (whole.length + 1))
        if (whole.length > 0) whole[at % whole.length] = to
        for (const bytes of [truncated, whole]) {
          const result = outcome(() => codec.decode(new Reader(bytes)))
          t.deepEqual(
            result,
            outcome(() => interpretDecode(message, version, new Reader(bytes))),
          )
          if (typeof result === 'string' || result instanceof Error) codes.add(result)
        }
      }),
      { numRuns: 8, seed },
    )
  })
  t.deepEqual([...codes], ['CORRUPT_FRAME'])
})

/** Objects and list elements in a decoded value. */
function weight(value: unknown): number {
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return 1
  return Object.values(value).reduce<number>((sum, part) => sum + weight(part), 1)
}

test('random bytes never give more elements than the bytes can hold, and no other error than CORRUPT_FRAME', (t) => {
  const small = fc.uint8Array({ maxLength: 200 })
  const likely = fc.array(fc.constantFrom(0, 0, 0, 1, 2, 3, 5, 127, 128, 255), { maxLength: 200 }).map((bytes) => Uint8Array.from(bytes))
  everyVersion((message, version) => {
    const empty = weight(outcome(() => decodeBuffer(message, version, Buffer.alloc(400))))
    fc.assert(
      fc.property(fc.oneof(small, likely), (bytes) => {
        const result = outcome(() => decodeBuffer(message, version, Buffer.from(bytes)))
        if (result === 'CORRUPT_FRAME') return
        if (result instanceof Error || typeof result === 'string') throw new Error(`${message.name} v${version}: ${String(result)}`)
        if (weight(result) > empty + bytes.length * 30)
          throw new Error(`${message.name} v${version}: ${weight(result)} parts of ${bytes.length} bytes`)
      }),
      { numRuns: 20, seed },
    )
  })
  t.pass()
})
