import test from 'ava'
import fc from 'fast-check'

import { MoldauError } from '../../core/base/errors.ts'
import { coalesce } from '../../core/net/coalesce.ts'
import { FrameSplitter } from '../../core/net/frames.ts'

const LIMIT = 1000

function framed(...bodies: readonly (Uint8Array | string)[]): Buffer {
  return Buffer.concat(
    bodies.flatMap((body) => {
      const length = Buffer.alloc(4)
      length.writeInt32BE(body.length)
      return [length, Buffer.from(body)]
    }),
  )
}

/** Feeds the stream cut at the given places; answers all frames. */
function split(stream: Buffer, cuts: readonly number[], chunksAreReused = false): Buffer[] {
  const splitter = new FrameSplitter({ frameBytesMax: LIMIT, chunksAreReused })
  const places = [0, ...cuts.map((cut) => cut % (stream.length + 1)).toSorted((a, b) => a - b), stream.length]
  const frames: Buffer[] = []
  for (let i = 1; i < places.length; i++) {
    const chunk = Buffer.from(stream.subarray(places[i - 1], places[i]))
    splitter.push(chunk)
    for (let frame = splitter.next(); frame !== undefined; frame = splitter.next()) frames.push(frame)
    splitter.own()
    if (chunksAreReused) chunk.fill(0xff)
  }
  return frames
}

for (const reused of [false, true]) {
  test(`frames come out whole however the stream is cut (chunks ${reused ? 'reused' : 'kept'})`, (t) => {
    const bodies = fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 20 })
    fc.assert(
      fc.property(bodies, fc.array(fc.nat(), { maxLength: 12 }), (frames, cuts) => {
        const found = split(framed(...frames), cuts, reused)
        t.deepEqual(
          found.map((frame) => frame.toString('hex')),
          frames.map((frame) => Buffer.from(frame).toString('hex')),
        )
      }),
    )
  })
}

test('a frame that lies in one chunk is a slice of it', (t) => {
  const chunk = framed('abc', 'defg')
  const splitter = new FrameSplitter({ frameBytesMax: LIMIT })
  splitter.push(chunk)
  const frame = splitter.next()!
  t.is(frame.buffer, chunk.buffer)
  t.is(frame.toString(), 'abc')
  t.is(splitter.next()!.toString(), 'defg')
  t.false(splitter.insideFrame)
})

test('a length that is negative or above the limit is an error of the stream', (t) => {
  for (const length of [-1, LIMIT + 1, 0x7fffffff, -0x80000000]) {
    const splitter = new FrameSplitter({ frameBytesMax: LIMIT })
    const bytes = Buffer.alloc(4)
    bytes.writeInt32BE(length)
    splitter.push(bytes)
    const error = t.throws(() => splitter.next(), { instanceOf: MoldauError })
    t.is(error.code, 'CORRUPT_FRAME')
    t.true(error.message.includes(String(length)))
  }
})

test('a cut frame is known to be incomplete', (t) => {
  const splitter = new FrameSplitter({ frameBytesMax: LIMIT })
  splitter.push(framed('hello').subarray(0, 6))
  t.is(splitter.next(), undefined)
  t.true(splitter.insideFrame)
})

test('a big frame in many chunks is put together whatever its size', (t) => {
  const body = Buffer.alloc(9 * 1024 * 1024, 'abcdefg')
  const splitter = new FrameSplitter({ frameBytesMax: body.length })
  const stream = framed(body)
  for (let at = 0; at < stream.length; at += 65_536) splitter.push(Buffer.from(stream.subarray(at, at + 65_536)))
  t.true(splitter.next()!.equals(body))
})

test('coalescing keeps the bytes, copies the small and leaves the big alone', (t) => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(0, 1, 100, 4095, 4096, 70_000), { maxLength: 30 }), (sizes) => {
      const chunks: Buffer[] = sizes.map((size, i) => Buffer.alloc(size, i + 1))
      const merged = coalesce(chunks)
      t.true(Buffer.concat(merged).equals(Buffer.concat(chunks)))
      for (const chunk of chunks) if (chunk.length >= 4096) t.true(merged.includes(chunk))
      t.true(merged.every((chunk) => chunk.length < 4096 || chunk.length <= 65_536 || chunks.includes(chunk)))
    }),
  )
})
