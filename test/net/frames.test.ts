import test from 'ava'
import fc from 'fast-check'

import { ManualClock } from '../../core/base/clock.ts'
import { MoldauError } from '../../core/base/errors.ts'
import { coalesce } from '../../core/net/coalesce.ts'
import { BufferPool } from '../../core/net/buffer-pool.ts'
import { MemoryBudget } from '../../core/net/memory-budget.ts'
import type { MemoryShare } from '../../core/net/memory-budget.ts'
import { FrameSplitter } from '../../core/net/frames.ts'
import type { FrameOptions } from '../../core/net/frames.ts'
import { Inbox } from '../../core/net/inbox.ts'
import { seededNumbers } from '../support/seeded-numbers.ts'

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

/** Feeds the stream cut at the given places; answers copies of all frames. */
function split(stream: Buffer, cuts: readonly number[], options: Partial<FrameOptions> = {}): Buffer[] {
  const splitter = new FrameSplitter({ frameBytesMax: LIMIT, ...options })
  const places = [0, ...cuts.map((cut) => cut % (stream.length + 1)).toSorted((a, b) => a - b), stream.length]
  const frames: Buffer[] = []
  for (let i = 1; i < places.length; i++) {
    const chunk = Buffer.from(stream.subarray(places[i - 1], places[i]))
    splitter.push(chunk)
    for (let frame = splitter.next(); frame !== undefined; frame = splitter.next())
      frames.push(options.lendFrom ? Buffer.from(frame) : frame)
    splitter.own()
    if (options.chunksAreReused) chunk.fill(0xff)
  }
  return frames
}

const ways: Record<string, Partial<FrameOptions>> = {
  'chunks kept': {},
  'chunks reused': { chunksAreReused: true },
  'frames lent': { chunksAreReused: true, lendFrom: new BufferPool() },
}
for (const [way, options] of Object.entries(ways)) {
  test(`frames come out whole however the stream is cut (${way})`, (t) => {
    const bodies = fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 20 })
    fc.assert(
      fc.property(bodies, fc.array(fc.nat(), { maxLength: 12 }), (frames, cuts) => {
        const found = split(framed(...frames), cuts, options)
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

for (const [way, options] of Object.entries(ways)) {
  test(`big frames may be read to where they belong, or come in chunks, in any turn (${way})`, (t) => {
    const sizes = fc.array(fc.constantFrom(0, 5, 70_000, 140_000, 600_000, 5_000_000), { minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(sizes, fc.infiniteStream(fc.tuple(fc.boolean(), fc.integer({ min: 1, max: 300_000 }))), (frames, reads) => {
        const bodies = frames.map((size, i) => Buffer.alloc(size, `${i} and more `))
        const stream = framed(...bodies)
        const splitter = new FrameSplitter({ frameBytesMax: 10_000_000, ...options })
        const found: Buffer[] = []
        for (let at = 0; at < stream.length;) {
          const [direct, most] = reads.next().value!
          const room = direct ? splitter.room : undefined
          const count = Math.min(most, stream.length - at, room?.length ?? most)
          const chunk = Buffer.from(stream.subarray(at, at + count))
          if (room === undefined) splitter.push(chunk)
          else splitter.filled(chunk.copy(room))
          for (let frame = splitter.next(); frame !== undefined; frame = splitter.next()) found.push(Buffer.from(frame))
          splitter.own()
          at += count
        }
        t.true(Buffer.concat(found).equals(Buffer.concat(bodies)))
        t.deepEqual(
          found.map((frame) => frame.length),
          frames,
        )
      }),
      { numRuns: 30 },
    )
  })
}

test('a pool hands out what was given back, and keeps no more than it may', (t) => {
  const pool = new BufferPool(256 * 1024)
  const first = pool.take(100_000)
  t.is(first.length, 128 * 1024)
  pool.give(first)
  t.is(pool.take(128 * 1024), first)
  t.not(pool.take(128 * 1024), first)
  const many = [1, 2, 3].map(() => pool.take(70_000))
  for (const buffer of many) pool.give(buffer)
  t.deepEqual(
    [1, 2, 3].map(() => many.includes(pool.take(70_000))),
    [true, true, false],
  )
  t.is(pool.take(5_000_000).length, 5_000_000)
})

test('a pool lets go of what nobody has needed for a while', (t) => {
  const pool = new BufferPool()
  const taken = [1, 2, 3].map(() => pool.take(100_000))
  for (const buffer of taken) pool.give(buffer)
  pool.trim()
  // One at a time is needed from now on: two are left over.
  for (let i = 0; i < 5; i++) pool.give(pool.take(100_000))
  pool.trim()
  const kept = pool.take(100_000)
  t.true(taken.includes(kept))
  t.false(taken.includes(pool.take(100_000)))
  pool.give(kept)
  pool.trim()
  pool.trim()
  t.false(taken.includes(pool.take(100_000)))
})

test('a buffer made to be sent goes back once, when it has left, and never while it may still be read', (t) => {
  const pool = new BufferPool()
  const answer = pool.toSend(70_000)
  t.is(answer.length, 70_000)
  t.not(pool.toSend(70_000).buffer, answer.buffer)
  const pooled = pool.ofPool([Buffer.alloc(10), answer, Buffer.alloc(70_000)])
  t.deepEqual(pooled, [answer])
  pool.sent(pooled)
  pool.sent(pooled)
  t.is(pool.toSend(70_000).buffer, answer.buffer)
  t.not(pool.toSend(70_000).buffer, answer.buffer)
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

test('frames in pieces wait for the budget, and what they took is given back', (t) => {
  const budget = new MemoryBudget(1000, new ManualClock())
  const make = (): [FrameSplitter, MemoryShare] => {
    const share = budget.share(() => t.fail())
    return [new FrameSplitter({ frameBytesMax: 10_000, lendFrom: new BufferPool() }, share), share]
  }
  const [[first, ofFirst], [second, ofSecond], [third, ofThird]] = [make(), make(), make()]
  const stream = framed(Buffer.alloc(1800, 1), Buffer.alloc(300, 2))
  second.push(stream.subarray(0, 54))
  t.is(second.next(), undefined)
  t.is(budget.used, 50, 'what has come, not what is claimed')
  first.push(stream.subarray(0, 954))
  t.is(first.next(), undefined)
  t.is(budget.used, 1000)
  t.true(first.isStarved)
  t.false(second.isStarved, 'it was begun first')
  third.push(framed(Buffer.alloc(10)))
  t.is(third.next(), undefined)
  t.true(third.isStarved)
  const woken: string[] = []
  ofFirst.whenRoom(() => woken.push('first'))
  ofThird.whenRoom(() => woken.push('third'))
  second.push(stream.subarray(54))
  t.is(second.next()!.length, 1800)
  t.is(budget.used, 2750, 'lent until the next is asked for, and over the bound')
  t.deepEqual(woken, [])
  const small = second.next()!
  t.true(
    small.every((byte) => byte === 2),
    'a frame that lies in one chunk takes nothing',
  )
  t.is(budget.used, 950)
  t.deepEqual(woken, ['first', 'third'])
  t.is(third.next()!.length, 10)
  first.push(stream.subarray(954))
  t.is(first.next()!.length, 1800)
  t.is(first.next()!.length, 300)
  t.is(third.next(), undefined)
  ofFirst.release()
  t.is(budget.used, 0)
  third.push(stream.subarray(0, 500))
  t.is(third.next(), undefined)
  t.is(budget.used, 496)
  ofThird.release()
  ofSecond.release()
  t.is(budget.used, 0)
})

test('however little memory there is, all frames of all connections come, and no more is taken than one frame over the bound', (t) => {
  const [FRAME_MAX, CHUNK_MAX] = [300_000, 40_000]
  const frames = fc.array(fc.oneof(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: FRAME_MAX })), { maxLength: 6 })
  fc.assert(
    fc.property(
      fc.array(frames, { minLength: 1, maxLength: 6 }),
      fc.integer({ min: 1, max: FRAME_MAX }),
      fc.nat(),
      (streams, bytesMax, seed) => {
        const random = seededNumbers(seed)
        const budget = new MemoryBudget(bytesMax, new ManualClock())
        const peers = streams.map((sizes, i) => {
          const bytes = framed(...sizes.map((size) => Buffer.alloc(size, i)))
          const peer = { bytes, sizes, came: [] as number[], reads: true, inbox: undefined as unknown as Inbox }
          peer.inbox = new Inbox(
            { frameBytesMax: FRAME_MAX, lendFrom: new BufferPool(), budget },
            { isOpen: true, destroy: (error) => t.fail(error.message) },
          )
          peer.inbox.onFrame((frame) => {
            t.true(frame.equals(Buffer.alloc(frame.length, i)))
            peer.came.push(frame.length)
          })
          return peer
        })
        /** As a socket does: reads until there is no room, then waits to be called. */
        const look = (peer: (typeof peers)[number]): void => {
          peer.reads = !peer.inbox.isStarved
          if (!peer.reads) peer.inbox.whenRoom(() => look(peer))
        }
        for (;;) {
          // Now and then one is not read for a while.
          const chosen = peers[Math.floor(random() * peers.length)]!
          if (random() < 0.1 && !chosen.inbox.isPaused) chosen.inbox.pause()
          let able = peers.filter(({ reads, bytes, inbox }) => reads && bytes.length > 0 && !inbox.isPaused)
          if (able.length === 0 || random() < 0.1) {
            const paused = peers.filter(({ inbox }) => inbox.isPaused)
            for (const peer of paused) {
              peer.inbox.resume()
              look(peer)
            }
            able = peers.filter(({ reads, bytes }) => reads && bytes.length > 0)
            if (able.length === 0) break
          }
          const peer = able[Math.floor(random() * able.length)]!
          const size = 1 + Math.floor(random() * CHUNK_MAX)
          const { room } = peer.inbox
          const chunk = peer.bytes.subarray(0, Math.min(size, room?.length ?? size))
          peer.bytes = peer.bytes.subarray(chunk.length)
          if (room === undefined) peer.inbox.push(chunk)
          else {
            chunk.copy(room)
            peer.inbox.filled(chunk.length)
          }
          look(peer)
          if (budget.used > bytesMax + peers.length * (FRAME_MAX + CHUNK_MAX)) return false
        }
        t.deepEqual(
          peers.map(({ came }) => came),
          peers.map(({ sizes }) => sizes),
        )
        return budget.used === 0
      },
    ),
    { numRuns: 100 },
  )
})

test('a connection that is not read for a while, in the middle of a frame, keeps nobody from being heard and is not cut off', (t) => {
  const clock = new ManualClock()
  const budget = new MemoryBudget(100, clock)
  const make = (name: string): { inbox: Inbox; came: number[] } => {
    const owner = { isOpen: true, destroy: (error: Error) => t.fail(`${name}: ${error.message}`) }
    const inbox = new Inbox({ frameBytesMax: 10_000, lendFrom: new BufferPool(), budget }, owner)
    const came: number[] = []
    inbox.onFrame((frame) => void came.push(frame.length))
    return { inbox, came }
  }
  const [muted, other, third] = [make('muted'), make('other'), make('third')]
  const large = framed(Buffer.alloc(1000))
  muted.inbox.push(large.subarray(0, 600))
  other.inbox.push(framed(Buffer.alloc(10)))
  t.true(other.inbox.isStarved)
  other.inbox.whenRoom(() => {})
  t.deepEqual(other.came, [])
  muted.inbox.pause()
  t.deepEqual(other.came, [10], 'it is its turn')
  third.inbox.push(large.subarray(0, 600))
  other.inbox.push(framed(Buffer.alloc(20)))
  t.true(other.inbox.isStarved, 'one after the other')
  other.inbox.whenRoom(() => {})
  third.inbox.push(large.subarray(600))
  t.deepEqual([third.came, other.came], [[1000], [10, 20]])
  clock.advance(100_000)
  muted.inbox.resume()
  muted.inbox.push(large.subarray(600))
  t.deepEqual(muted.came, [1000])
  t.is(budget.used, 0)
})

test('who begins a frame and does not send the rest is cut off when others wait for memory, and only then', (t) => {
  const clock = new ManualClock()
  const budget = new MemoryBudget(100, clock)
  const cut: string[] = []
  const make = (name: string): [FrameSplitter, MemoryShare] => {
    const share = budget.share((error) => void cut.push(`${name}: ${error.message}`))
    return [new FrameSplitter({ frameBytesMax: 10_000 }, share), share]
  }
  const [[slow, ofSlow], [next], [waiting, ofWaiting]] = [make('slow'), make('next'), make('waiting')]
  const begun = framed(Buffer.alloc(1000)).subarray(0, 64)
  for (const splitter of [slow, next]) {
    splitter.push(begun)
    t.is(splitter.next(), undefined)
  }
  clock.advance(100_000)
  t.deepEqual(cut, [], 'nobody waits')
  waiting.push(framed(Buffer.alloc(10)))
  t.is(waiting.next(), undefined)
  ofWaiting.whenRoom(() => {})
  clock.advance(29_999)
  t.deepEqual(cut, [])
  clock.advance(1)
  t.is(cut.length, 1)
  t.regex(cut[0]!, /^slow: .*queued\.max\.request\.bytes/)
  ofSlow.release()
  clock.advance(100_000)
  t.is(cut.length, 1, 'nobody waits any more')
  t.is(waiting.next()!.length, 10)
})

test('a peer that speaks TLS where plain text is spoken is told so', (t) => {
  for (const start of [
    [0x16, 0x03, 0x01, 0x02],
    [0x15, 0x03, 0x03, 0x00],
  ]) {
    const splitter = new FrameSplitter({ frameBytesMax: LIMIT })
    splitter.push(Buffer.from([...start, 0, 1, 2]))
    t.throws(() => splitter.next(), { instanceOf: MoldauError, code: 'CORRUPT_FRAME', message: /speaks TLS/ })
  }
})
