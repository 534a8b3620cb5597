import test from 'ava'
import fc from 'fast-check'

import { emptyImage } from '../../core/cluster/metadata.ts'
import type { ClusterImage } from '../../core/cluster/metadata.ts'
import { withLeaders } from '../../core/cluster/leader-news.ts'
import { FetchSession } from '../../core/client/fetch-session.ts'
import { durationMs, offsetReset, placeOf } from '../../core/client/offset-reset.ts'
import { readFrom } from '../../core/client/read-replica.ts'
import { SessionBroker } from '../support/session-broker.ts'
import type { Asked } from '../support/session-broker.ts'

interface Owner {
  topic: string
  partition: number
  id: string
  offset: number
}

/** What happens between two fetches, and to a fetch. */
const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('move' as const), at: fc.nat(7), by: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('toggle' as const), at: fc.nat(7) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('anew' as const), at: fc.nat(7) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('naming' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('evict' as const, 'decline' as const, 'allow' as const) }) },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constantFrom('fetch' as const, 'fetch' as const, 'fetch' as const, 'lose request' as const, 'lose answer' as const),
    }),
  },
)

test('in a session a broker reads what the client wants, whatever is lost, evicted, declined or created again', (t) => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const owners: Owner[] = Array.from({ length: 8 }, (_, i) => ({ topic: `t${i % 3}`, partition: i, id: `id${i % 3}-0`, offset: 0 }))
      const wanted = new Set<Owner>()
      const broker = new SessionBroker()
      const session = new FetchSession<Owner>()
      let naming: 'ids' | 'names' = 'ids'
      let generation = 0
      let wasClean = false
      const fetch = (fate: 'fetch' | 'lose request' | 'lose answer'): void => {
        for (let attempt = 0; ; attempt++) {
          session.begin(naming)
          for (const owner of wanted) session.ask(owner, 0, owner.id, 1, owner.offset)
          const request = session.request()
          if (fate === 'lose request') return session.failed()
          const answer = broker.fetch(request, naming)
          if (fate === 'lose answer') return session.failed()
          if (!session.accepted(answer.error, answer.sessionId)) {
            t.true(attempt === 0, 'a full request is refused')
            t.false(wasClean && !broker.hasEvicted, `an unbroken session was lost: ${answer.error}`)
            continue
          }
          t.deepEqual(
            answer.read.toSorted(byKey),
            [...wanted]
              .map((o): Asked => ({ key: `${naming === 'ids' ? o.id : o.topic}-${o.partition}`, offset: o.offset, leaderEpoch: 1 }))
              .toSorted(byKey),
          )
          for (const owner of wanted) t.is(session.find(owner.topic, owner.id, owner.partition)?.owner, owner)
          wasClean = true
          broker.hasEvicted = false
          return
        }
      }
      for (const s of steps) {
        if (s.kind === 'move') owners[s.at]!.offset += s.by
        else if (s.kind === 'toggle') {
          const owner = owners[s.at]!
          if (wanted.has(owner)) wanted.delete(owner)
          else wanted.add(owner)
        } else if (s.kind === 'anew') {
          // Topic ids change for all partitions of a topic.
          const { topic } = owners[s.at]!
          generation++
          for (const owner of owners) if (owner.topic === topic) owner.id = `${topic}-${generation}`
        } else if (s.kind === 'naming') naming = naming === 'ids' ? 'names' : 'ids'
        else if (s.kind === 'evict') broker.evict()
        else if (s.kind === 'decline') broker.declines = true
        else if (s.kind === 'allow') broker.declines = false
        else {
          if (s.kind !== 'fetch') wasClean = false
          fetch(s.kind)
        }
      }
      fetch('fetch')
      const end = session.end()
      if (end !== undefined) t.true(broker.end(end.sessionId), 'the session that is ended is one that the broker has')
      t.false(session.isOpen)
    }),
    { numRuns: 500 },
  )
})

const byKey = (a: Asked, b: Asked): number => (a.key < b.key ? -1 : 1)

test('a request of a session names only what has changed, and a full one begins with who was served least', (t) => {
  const owners = Array.from({ length: 4 }, (_, partition) => ({ topic: 't', partition }))
  const session = new FetchSession<{ topic: string; partition: number }>()
  const ask = (offsets: readonly number[]): ReturnType<typeof session.request> => {
    session.begin('ids')
    for (const [i, offset] of offsets.entries()) session.ask(owners[i]!, 0, 'id', 0, offset)
    return session.request()
  }
  const named = ({ partitions }: ReturnType<typeof session.request>): number[] => partitions.map((p) => p.owner.partition)
  t.deepEqual(named(ask([0, 0, 0, 0])), [0, 1, 2, 3])
  session.accepted('NONE', 0)
  session.served(session.find('t', 'id', 0)!)
  t.deepEqual(named(ask([5, 0, 0, 0])), [1, 2, 3, 0])
  session.accepted('NONE', 77)
  t.deepEqual(named(ask([5, 0, 0, 0])), [])
  session.accepted('NONE', 77)
  const next = ask([6, 0, 0])
  t.deepEqual(
    [next.sessionId, next.sessionEpoch, named(next), next.forgotten],
    [77, 2, [0], [{ topic: 't', topicId: 'id', partitions: [3] }]],
  )
})

test('a new owner of a partition in a session learns where it ends: the broker does not say so again', (t) => {
  const session = new FetchSession<{ topic: string; partition: number }>()
  session.begin('ids')
  Object.assign(session.ask({ topic: 't', partition: 0 }, 0, 'id', 0, 7), { highWatermark: 9 })
  session.request()
  session.accepted('NONE', 5)
  session.begin('ids')
  t.is(session.ask({ topic: 't', partition: 0 }, 0, 'id', 0, 7).highWatermark, 9)
  t.deepEqual(session.request().partitions, [])
})

test('leaders that an answer tells of count when they are newer and can be reached', (t) => {
  const partition = { partition: 0, leader: 1, leaderEpoch: 4, replicas: [1, 2], isr: [1, 2] }
  const image: ClusterImage = {
    ...emptyImage,
    brokers: new Map([[1, { nodeId: 1, host: 'a', port: 1, rack: null }]]),
    topics: new Map([['t', { name: 't', topicId: 'id', internal: false, partitions: [partition] }]]),
  }
  const told = { topic: 't', partition: 0, leaderId: 2, leaderEpoch: 5 }
  const endpoint = { nodeId: 2, host: 'b', port: 2, rack: 'r' }
  const next = withLeaders(image, [told], [endpoint])
  t.deepEqual(next.topics.get('t')!.partitions[0], { ...partition, leader: 2, leaderEpoch: 5 })
  t.deepEqual(next.brokers.get(2), endpoint)
  t.is(image.topics.get('t')!.partitions[0]!.leader, 1)
  t.is(withLeaders(image, [told], []), image)
  t.is(withLeaders(image, [{ ...told, leaderEpoch: 4 }], [endpoint]), image)
  t.is(withLeaders(image, [{ ...told, topic: 'u' }], [endpoint]), image)
  t.is(withLeaders(image, [{ ...told, leaderId: -1 }], [endpoint]), image)
})

test('a follower is read from until its time is over or it is gone', (t) => {
  const image: ClusterImage = { ...emptyImage, brokers: new Map([[2, { nodeId: 2, host: 'b', port: 2, rack: 'r' }]]) }
  t.is(readFrom(1, undefined, image, 0), 1)
  t.is(readFrom(1, { node: 2, until: 10 }, image, 9), 2)
  t.is(readFrom(1, { node: 2, until: 10 }, image, 10), 1)
  t.is(readFrom(1, { node: 3, until: 10 }, image, 0), 1)
})

test('durations are read as java.time.Duration does, and nothing else is one', (t) => {
  t.is(durationMs('PT1H'), 3_600_000)
  t.is(durationMs('P1DT2H3M4.5S'), 93_784_500)
  t.is(durationMs('P7D'), 7 * 86_400_000)
  t.is(durationMs('PT0S'), 0)
  for (const text of ['', 'P', 'PT', 'P1DT', '1H', 'PT-1H', '-PT1H', 'P1Y', 'PT1H ']) t.is(durationMs(text), undefined, text)
  for (const value of ['by_duration:', 'by_duration:x', 'sometimes', { byDurationMs: -1 }, {}, null])
    t.is(offsetReset.read(value), undefined)
  t.deepEqual(placeOf('by_duration:PT1S', 5000), { timestamp: 4000 })
  t.deepEqual(placeOf({ byDurationMs: 10_000 }, 5000), { timestamp: 0 })
  t.is(placeOf('none', 0), undefined)
})
