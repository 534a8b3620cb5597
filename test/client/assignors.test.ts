import test from 'ava'
import fc from 'fast-check'

import type { AssignedMember, Assignment, Assignor, GroupTopics } from '../../core/client/assignors/assignor.ts'
import { assignmentStrategy, isCooperative, resolveAssignors } from '../../core/client/assignors/assignors.ts'
import type { AssignorName } from '../../core/client/assignors/assignors.ts'
import { shareOut } from '../../core/client/assignors/share-out.ts'
import { readStickyUserData, writeStickyUserData } from '../../core/client/assignors/user-data.ts'
import { tpKey } from '../../core/index.ts'
import type { TopicPartition } from '../../core/index.ts'
import { arbitraryGroup, imbalance, movesOf, ownersIn, racksMissed, settledMembers, type World } from '../support/assignor-worlds.ts'

const names: AssignorName[] = ['range', 'roundrobin', 'sticky', 'cooperative-sticky']
const assignorOf = (name: AssignorName): Assignor => resolveAssignors([name])[0]!

/** Everything that the group wants, as keys. */
function wantedOf(members: readonly AssignedMember[], topics: GroupTopics): string[] {
  const wanted = new Set(members.flatMap((member) => member.topics))
  return [...topics]
    .flatMap(([topic, { length }]) => (wanted.has(topic) ? Array.from({ length }, (_, partition) => tpKey({ topic, partition })) : []))
    .toSorted()
}

function keysOf(assignment: Assignment): string[] {
  return [...assignment.values()].flat().map(tpKey).toSorted()
}

function text(assignment: Assignment): Record<string, string> {
  return Object.fromEntries([...assignment].map(([id, tps]) => [id, tps.map((tp) => `${tp.topic}${tp.partition}`).join(' ')]))
}

const member = (memberId: string, topics: string[], more: Partial<AssignedMember> = {}): AssignedMember => ({
  memberId,
  groupInstanceId: null,
  topics,
  ownedPartitions: [],
  generation: -1,
  rackId: null,
  userData: null,
  ...more,
})

const topicsOf = (counts: Record<string, number>): GroupTopics =>
  new Map(Object.entries(counts).map(([topic, count]) => [topic, Array.from({ length: count }, () => [])]))

for (const name of names) {
  test(`${name} gives each partition to one member that wants its topic, whatever the members claim`, (t) => {
    fc.assert(
      fc.property(arbitraryGroup(), ({ members, topics }) => {
        const assignment = shareOut({ ...assignorOf(name), cooperative: false }, members, topics)
        // What is held back is claimed by somebody: it comes in the next round.
        const claimed = new Set(members.flatMap(({ ownedPartitions }) => ownedPartitions.map(tpKey)))
        const heldBack = name === 'cooperative-sticky' ? wantedOf(members, topics).filter((key) => claimed.has(key)) : []
        const assigned = keysOf(assignment)
        t.deepEqual([...new Set([...assigned, ...heldBack])].toSorted(), wantedOf(members, topics))
        t.is(new Set(assigned).size, assigned.length)
        for (const { memberId, topics: wanted } of members) {
          for (const tp of assignment.get(memberId)!) t.true(wanted.includes(tp.topic))
        }
      }),
      { numRuns: 500 },
    )
  })

  test(`${name} decides the same whatever the order in which members and topics are told`, (t) => {
    fc.assert(
      fc.property(arbitraryGroup(), ({ members, topics }) => {
        const assignor = assignorOf(name)
        const again = assignor.assign(members.toReversed(), new Map([...topics].toReversed()))
        const sorted = (assignment: Assignment) => new Map([...assignment].toSorted(([a], [b]) => (a < b ? -1 : 1)))
        t.deepEqual(sorted(again), sorted(assignor.assign(members, topics)))
      }),
    )
  })
}

/** The best there is, by trying everything: for small groups. */
function bestOf({ members, topics }: World, owners: ReadonlyMap<string, string>): { imbalance: number; missed: number; moves: number } {
  const partitions = [...topics].flatMap(([topic, racks]) =>
    racks.flatMap((near, partition) => {
      const takers = members.filter((each) => each.topics.includes(topic))
      return takers.length === 0 ? [] : [{ tp: { topic, partition }, near, takers }]
    }),
  )
  let best: [number, number, number] = [Infinity, Infinity, Infinity]
  const loads = new Map(members.map(({ memberId }) => [memberId, 0]))
  const walk = (n: number, missed: number, moves: number): void => {
    const one = partitions[n]
    if (one === undefined) {
      const found: [number, number, number] = [imbalance([...loads.values()]), missed, moves]
      const i = found.findIndex((value, at) => value !== best[at])
      if (i >= 0 && found[i]! < best[i]!) best = found
      return
    }
    const owner = owners.get(tpKey(one.tp))
    for (const { memberId, rackId } of one.takers) {
      loads.set(memberId, loads.get(memberId)! + 1)
      const far = rackId !== null && !one.near.includes(rackId)
      walk(n + 1, missed + Number(far), moves + Number(owner !== undefined && owner !== memberId))
      loads.set(memberId, loads.get(memberId)! - 1)
    }
  }
  walk(0, 0, 0)
  return { imbalance: best[0], missed: best[1], moves: best[2] }
}

test('sticky is the most even, then the nearest, then the stickiest of all assignments there are', (t) => {
  fc.assert(
    fc.property(arbitraryGroup({ members: 4, partitions: 7, claims: 'settled' }), (world) => {
      const { members, topics } = world
      const assignment = assignorOf('sticky').assign(members, topics)
      const owners = ownersIn(members)
      const loads = [...assignment.values()].map((list) => list.length)
      const matters = racksMissed(world, assignment) !== undefined
      const best = bestOf(matters ? world : { members: members.map((each) => ({ ...each, rackId: null })), topics }, owners)
      t.deepEqual({ imbalance: imbalance(loads), missed: racksMissed(world, assignment) ?? 0, moves: movesOf(assignment, owners) }, best)
    }),
    { numRuns: 500 },
  )
})

test('sticky changes nothing when nothing has changed, and takes from a group only what a new member must get', (t) => {
  fc.assert(
    fc.property(arbitraryGroup({ members: 8, partitions: 40, claims: 'none', racks: false }), ({ members, topics }) => {
      const first = assignorOf('sticky').assign(members, topics)
      const settled = settledMembers(members, first, 1)
      t.deepEqual(assignorOf('sticky').assign(settled, topics), first)
      const everything = [...new Set(members.flatMap((each) => each.topics))]
      const alike = members.every((each) => each.topics.length === everything.length)
      const young = member('~young', everything)
      const second = assignorOf('sticky').assign([...settled, young], topics)
      const moved = movesOf(second, ownersIn(settled))
      t.true(moved >= second.get('~young')!.length)
      if (alike) t.is(moved, second.get('~young')!.length)
    }),
  )
})

test('a cooperative group: nobody gets what another member still owns, and after a few rounds all is assigned evenly', (t) => {
  fc.assert(
    fc.property(arbitraryGroup({ members: 6, partitions: 24, claims: 'wild' }), ({ members, topics }) => {
      const assignor = assignorOf('cooperative-sticky')
      let now: readonly AssignedMember[] = members.map((each) => ({ ...each, userData: null }))
      for (let round = 1; round <= 3; round++) {
        const assignment = shareOut(assignor, now, topics)
        const claims = Map.groupBy(
          now.flatMap(({ memberId, generation, ownedPartitions }) =>
            ownedPartitions.map((tp) => ({ memberId, generation, key: tpKey(tp) })),
          ),
          ({ key }) => key,
        )
        for (const [memberId, list] of assignment) {
          for (const tp of list) {
            const claimants = claims.get(tpKey(tp)) ?? []
            const own = claimants.find((claim) => claim.memberId === memberId)
            const others = claimants.filter((claim) => claim.memberId !== memberId)
            // Only a claim from before may stand against what a member keeps.
            t.true(others.every(({ generation }) => own !== undefined && generation < own.generation))
          }
        }
        const before = now
        now = settledMembers(now, assignment, 100 + round)
        const gaveUp = before.some(({ memberId, ownedPartitions }) => {
          const kept = new Set(assignment.get(memberId)!.map(tpKey))
          return ownedPartitions.some((tp) => !kept.has(tpKey(tp)))
        })
        if (!gaveUp) {
          // Nobody will join again by himself: nothing may be missing.
          t.deepEqual(keysOf(assignment), wantedOf(now, topics))
          const even = assignorOf('sticky').assign(now, topics)
          t.is(imbalance([...assignment.values()].map((l) => l.length)), imbalance([...even.values()].map((l) => l.length)))
          return
        }
      }
      t.fail('the group does not come to rest')
    }),
    { numRuns: 500 },
  )
})

test('who has missed a rebalance does not get back what has another owner since, and nobody what two claim alike', (t) => {
  const topics = topicsOf({ a: 2 })
  const a = (partition: number): TopicPartition => ({ topic: 'a', partition })
  const assign = (...members: AssignedMember[]) => text(assignorOf('cooperative-sticky').assign(members, topics))
  const old = member('old', ['a'], { ownedPartitions: [a(0), a(1)], generation: 4 })
  const young = member('young', ['a'], { ownedPartitions: [a(1)], generation: 5 })
  t.deepEqual(assign(old, young), { old: 'a0', young: 'a1' })
  t.deepEqual(assign(old, { ...young, generation: 4 }), { old: 'a0', young: '' })
  // Version 1 of the subscription: the generation is in the user data.
  const userData = Buffer.from([0, 0, 0, 5])
  t.deepEqual(assign(old, { ...young, generation: -1, userData }), { old: 'a0', young: 'a1' })
})

test('user data of sticky: what we write we read, what has no generation counts as the oldest, rubbish counts for nothing', (t) => {
  const partitions = [
    { topic: 'a', partition: 3 },
    { topic: 'a', partition: 1 },
    { topic: 'b', partition: 0 },
  ]
  const written = writeStickyUserData({ partitions, generation: 7 })
  t.deepEqual(readStickyUserData(written), { partitions, generation: 7 })
  t.deepEqual(readStickyUserData(written.subarray(0, -4)), { partitions, generation: -1 })
  for (const rubbish of [null, Buffer.alloc(0), Buffer.from('rubbish'), Buffer.from([0, 0, 0, 9])]) {
    t.deepEqual(readStickyUserData(rubbish), { partitions: [], generation: -1 })
  }
})

test('range keeps partitions of equal number together and gives the rest to the first; roundrobin deals all topics out evenly', (t) => {
  const members = ['m2', 'm1', 'm3'].map((memberId) => member(memberId, ['a', 'b']))
  const topics = topicsOf({ a: 4, b: 4 })
  t.deepEqual(text(assignorOf('range').assign(members, topics)), { m1: 'a0 a1 b0 b1', m2: 'a2 b2', m3: 'a3 b3' })
  t.deepEqual(text(assignorOf('roundrobin').assign(members, topics)), { m1: 'a0 a3 b2', m2: 'a1 b0 b3', m3: 'a2 b1' })
})

test('chains of moves count: a member that nobody can give to directly is helped by way of another', (t) => {
  const topics = topicsOf({ a: 2, b: 2 })
  const owned = (partition: number, topic: string) => ({ topic, partition })
  const members = [
    member('m1', ['a'], { ownedPartitions: [owned(0, 'a'), owned(1, 'a')], generation: 1 }),
    member('m2', ['a', 'b'], { ownedPartitions: [owned(0, 'b'), owned(1, 'b')], generation: 1 }),
    member('m3', ['b'], { generation: 1 }),
  ]
  t.deepEqual(text(assignorOf('cooperative-sticky').assign(members, topics)), { m1: 'a0 a1', m2: 'b0', m3: '' })
  const three = topicsOf({ a: 3, b: 2 })
  const loaded = [{ ...members[0]!, ownedPartitions: [0, 1, 2].map((p) => owned(p, 'a')) }, ...members.slice(1)]
  const sizes = [
    ...assignorOf('sticky')
      .assign(settledMembers(loaded, undefined, 1), three)
      .values(),
  ].map((list) => list.length)
  t.deepEqual(sizes, [2, 2, 1])
})

test('an assignor of your own: what it may not do is said, and what it must wait for is held back', (t) => {
  const a = (partition: number): TopicPartition => ({ topic: 'a', partition })
  const topics = topicsOf({ a: 2, b: 1 })
  const members = [member('m1', ['a'], { ownedPartitions: [a(0)], generation: 3 }), member('m2', ['a'], { generation: 3 })]
  const mine = (assignment: [string, TopicPartition[]][], cooperative = false): Assignor => {
    return { name: 'mine', cooperative, assign: () => new Map(assignment) }
  }
  const refused = (assignment: [string, TopicPartition[]][], message: RegExp) =>
    t.throws(() => shareOut(mine(assignment), members, topics), { code: 'INVALID_ARGUMENT', message })
  refused([['m3', []]], /assignor 'mine': there is no member 'm3'/)
  refused([['m1', [{ topic: 'b', partition: 0 }]]], /'m1' gets b-0, and does not want that topic/)
  refused([['m1', [a(2)]]], /a-2, which does not exist/)
  refused(
    [
      ['m1', [a(1)]],
      ['m2', [a(1)]],
    ],
    /a-1 is assigned twice/,
  )
  t.deepEqual(text(shareOut(mine([['m2', [a(0), a(1)]]]), members, topics)), { m1: '', m2: 'a0 a1' })
  t.deepEqual(text(shareOut(mine([['m2', [a(0), a(1)]]], true), members, topics)), { m1: '', m2: 'a1' })
})

test('the option takes names, Kafka classes and objects, each once; a list is cooperative when all of it is', (t) => {
  const mine: Assignor = { name: 'mine', cooperative: true, assign: () => new Map() }
  const read = (value: unknown) => assignmentStrategy.read(value)
  t.deepEqual(read('org.apache.kafka.clients.consumer.CooperativeStickyAssignor, range'), ['cooperative-sticky', 'range'])
  t.deepEqual(read(['sticky', mine]), ['sticky', mine])
  for (const wrong of [[], '', ['no-such'], ['toString'], [{ name: 'x' }], ['range', 'range'], [mine, { ...mine }], 7]) {
    t.is(read(wrong), undefined)
  }
  const cooperative = (...list: (AssignorName | Assignor)[]) => isCooperative(resolveAssignors(list))
  t.false(cooperative('range', 'cooperative-sticky'))
  t.true(cooperative('cooperative-sticky'))
  t.true(cooperative(mine, 'cooperative-sticky'))
  t.false(cooperative('sticky'))
})

test('a thousand members with ten thousand partitions are balanced again when one goes', (t) => {
  const topics = topicsOf(Object.fromEntries(Array.from({ length: 100 }, (_, n) => [`t${n}`, 100])))
  const members = Array.from({ length: 1000 }, (_, n) => member(`m${n}`, [...topics.keys()]))
  const first = assignorOf('sticky').assign(members, topics)
  const left = settledMembers(members, first, 1).slice(1)
  const second = assignorOf('sticky').assign(left, topics)
  t.deepEqual(
    [...new Set([...second.values()].map((list) => list.length))].toSorted((a, b) => a - b),
    [10, 11],
  )
  t.is(movesOf(second, ownersIn(left)), 0)
})
