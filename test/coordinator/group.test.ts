import test from 'ava'
import fc from 'fast-check'
import { groupDefaults } from '../../core/coordinator/coordinator-config.ts'
import { heartbeat, leave, nextDeadline, sync, tick } from '../../core/coordinator/group.ts'
import { join } from '../../core/coordinator/group-join.ts'
import type { JoinReply, SyncReply } from '../../core/coordinator/group-replies.ts'
import { type ClassicGroup, type GroupConfig, newGroup, restoreGroup, snapshotOf } from '../../core/coordinator/group-state.ts'
import { checkCommit } from '../../core/coordinator/offsets.ts'
import { Outcome } from '../../core/coordinator/outcome.ts'
import type { CoordinatorRecord } from '../../core/coordinator/records.ts'

const topics = Buffer.from('topics')

/** A group with its clock: requests in, answers out by ticket. */
class Bench {
  readonly group: ClassicGroup
  readonly config: GroupConfig
  readonly answers: Map<number, unknown>
  readonly records: CoordinatorRecord[]
  mono: number
  tickets: number
  ids: number

  constructor(config: Partial<GroupConfig> = {}, group?: ClassicGroup) {
    this.config = { ...groupDefaults, ...config }
    this.answers = new Map()
    this.records = []
    this.mono = 0
    this.tickets = 0
    this.ids = 0
    this.group = group ?? newGroup('g', { wall: 0, mono: 0 })
  }

  run<T>(operation: (context: { now: { wall: number; mono: number }; config: GroupConfig; out: Outcome }) => T): T {
    const out = new Outcome()
    const result = operation({ now: { wall: this.mono, mono: this.mono }, config: this.config, out })
    this.records.push(...out.records)
    for (const { ticket, body } of out.replies) {
      if (this.answers.has(ticket)) throw new Error(`ticket ${ticket} answered twice`)
      this.answers.set(ticket, body)
    }
    return result
  }

  join(
    options: {
      memberId?: string
      instanceId?: string
      protocols?: string[]
      metadata?: Buffer
      known?: boolean
      skip?: boolean
      type?: string
    } = {},
  ): number {
    const ticket = ++this.tickets
    const request = {
      memberId: options.memberId ?? '',
      instanceId: options.instanceId ?? null,
      clientId: 'c',
      clientHost: '/127.0.0.1',
      protocolType: options.type ?? 'consumer',
      protocols: (options.protocols ?? ['range']).map((name) => ({ name, metadata: options.metadata ?? topics })),
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 60_000,
      requiresKnownMemberId: options.known ?? false,
      supportsSkippingAssignment: options.skip ?? true,
      freshMemberId: `m${++this.ids}`,
    }
    this.run((context) => join(this.group, request, ticket, context))
    return ticket
  }

  sync(
    memberId: string,
    assignments: Record<string, string> = {},
    generation = this.group.generation,
    instanceId: string | null = null,
  ): number {
    const ticket = ++this.tickets
    const list = Object.entries(assignments).map(([id, text]) => ({ memberId: id, assignment: Buffer.from(text) }))
    const request = { memberId, instanceId, generation, protocolType: null, protocolName: null, assignments: list }
    this.run((context) => sync(this.group, request, ticket, context))
    return ticket
  }

  heartbeat(memberId: string, generation = this.group.generation, instanceId: string | null = null): string {
    return this.run((context) => heartbeat(this.group, { memberId, generation, instanceId }, context))
  }

  leave(memberId: string, instanceId: string | null = null): string {
    return this.run((context) => leave(this.group, [{ memberId, instanceId }], context))[0]!
  }

  /** Lets time pass as the runtime does: a tick whenever a deadline falls due. */
  pass(ms: number): void {
    const end = this.mono + ms
    for (let rounds = 0; nextDeadline(this.group) <= end; rounds++) {
      if (rounds > 10_000) throw new Error('the group never comes to rest')
      this.mono = Math.max(this.mono, nextDeadline(this.group))
      this.run((context) => tick(this.group, context))
    }
    this.mono = end
  }

  joined(ticket: number): JoinReply | undefined {
    return this.answers.get(ticket) as JoinReply | undefined
  }

  synced(ticket: number): SyncReply | undefined {
    return this.answers.get(ticket) as SyncReply | undefined
  }

  /** Two members in a stable group. */
  static stable(instances: [string | undefined, string | undefined] = [undefined, undefined]): { bench: Bench; ids: [string, string] } {
    const bench = new Bench()
    const ids = instances.map(
      (instanceId) => bench.joined(bench.join(instanceId === undefined ? {} : { instanceId }))?.memberId ?? `m${bench.ids}`,
    )
    const [a, b] = ids as [string, string]
    bench.join({ memberId: a, ...(instances[0] === undefined ? {} : { instanceId: instances[0] }) })
    bench.sync(a, { [a]: 'A', [b]: 'B' }, bench.group.generation, instances[0] ?? null)
    bench.sync(b, {}, bench.group.generation, instances[1] ?? null)
    return { bench, ids: [a, b] }
  }
}

test('the first member leads, gets everybody as members, and its assignment reaches all', (t) => {
  const { bench, ids } = Bench.stable()
  t.is(bench.group.state, 'Stable')
  t.is(bench.group.leader, ids[0])
  t.is(bench.group.generation, 2)
  t.deepEqual(
    [...bench.group.members.values()].map((member) => member.assignment.toString()),
    ['A', 'B'],
  )
  t.is(bench.answers.size, bench.tickets, 'every request has been answered')
})

test('a dynamic member gets its id first (KIP-394), and the group waits for it to come back', (t) => {
  const bench = new Bench()
  const first = bench.joined(bench.join({ known: true }))!
  t.is(first.error, 'MEMBER_ID_REQUIRED')
  const second = bench.joined(bench.join({ memberId: first.memberId, known: true }))!
  t.is(second.error, 'NONE')
  t.is(second.memberId, first.memberId)
  const late = bench.joined(bench.join({ known: true }))!
  const again = bench.join({ memberId: first.memberId, metadata: Buffer.from('more topics') })
  t.is(bench.joined(again), undefined, 'waits for the member whose id was handed out')
  bench.pass(10_000)
  t.is(bench.joined(again)!.error, 'NONE', 'but no longer than a session')
  t.is(bench.joined(bench.join({ memberId: late.memberId }))!.error, 'UNKNOWN_MEMBER_ID')
})

test('a group that begins waits for nobody who was given an id; who leaves before having come makes the others join again', (t) => {
  const bench = new Bench()
  const asked = bench.joined(bench.join({ known: true }))!
  const first = bench.joined(bench.join())!
  t.is(first.error, 'NONE')
  bench.sync(first.memberId, { [first.memberId]: 'all' })
  t.is(bench.group.state, 'Stable')
  t.is(bench.leave(asked.memberId), 'NONE')
  t.is(bench.heartbeat(first.memberId), 'REBALANCE_IN_PROGRESS')
})

test('who is removed while it waits is answered, without an id to come back with', (t) => {
  const { bench, ids } = Bench.stable()
  const again = bench.join({ memberId: ids[1], metadata: Buffer.from('x') })
  t.is(bench.leave(ids[1]), 'NONE')
  t.deepEqual([bench.joined(again)!.error, bench.joined(again)!.memberId], ['UNKNOWN_MEMBER_ID', ''])
})

test('while a group prepares, another type of protocol is refused even when its last member has gone', (t) => {
  const bench = new Bench()
  const { memberId } = bench.joined(bench.join())!
  bench.join({ known: true })
  bench.join({ memberId, metadata: Buffer.from('x') })
  t.is(bench.leave(memberId), 'NONE')
  t.is(bench.group.state, 'PreparingRebalance')
  t.is(bench.joined(bench.join({ type: 'connect' }))!.error, 'INCONSISTENT_GROUP_PROTOCOL')
  bench.pass(60_000)
  t.is(bench.group.state, 'Empty')
  t.is(bench.joined(bench.join({ type: 'connect' }))!.error, 'NONE')
})

test('a member that stops sending heartbeats is removed, and the others are told to join again', (t) => {
  const { bench, ids } = Bench.stable()
  bench.pass(9000)
  t.is(bench.heartbeat(ids[0]), 'NONE')
  bench.pass(9000)
  t.is(bench.group.state, 'PreparingRebalance')
  t.is(bench.heartbeat(ids[0]), 'REBALANCE_IN_PROGRESS')
  t.is(bench.heartbeat(ids[1]), 'UNKNOWN_MEMBER_ID')
  const again = bench.join({ memberId: ids[0] })
  t.deepEqual(
    bench.joined(again)!.members.map((member) => member.memberId),
    [ids[0]],
  )
})

test('a rebalance ends when its time is up: who has not joined is out', (t) => {
  const { bench, ids } = Bench.stable()
  const third = bench.join()
  for (let i = 0; i < 7; i++) {
    bench.pass(9000)
    bench.heartbeat(ids[0])
    bench.heartbeat(ids[1])
  }
  const answer = bench.joined(third)!
  t.is(answer.error, 'NONE')
  t.is(answer.leader, answer.memberId, 'somebody who is here leads')
  t.deepEqual([...bench.group.members.keys()], [answer.memberId])
})

test('a member that joins but never syncs is out after the rebalance time-out', (t) => {
  const bench = new Bench()
  const { memberId } = bench.joined(bench.join())!
  for (let i = 0; i < 7; i++) {
    bench.pass(9000)
    bench.heartbeat(memberId)
  }
  t.is(bench.group.state, 'Empty')
  t.is(bench.heartbeat(memberId), 'UNKNOWN_MEMBER_ID')
})

test('a static member that comes back keeps its assignment, and nobody else notices', (t) => {
  const { bench, ids } = Bench.stable(['a', 'b'])
  const { generation } = bench.group
  const back = bench.joined(bench.join({ instanceId: 'b' }))!
  t.is(back.error, 'NONE')
  t.is(back.generation, generation)
  t.not(back.memberId, ids[1])
  t.is(back.skipAssignment, false)
  t.is(bench.synced(bench.sync(back.memberId, {}, generation, 'b'))!.assignment.toString(), 'B')
  t.is(bench.heartbeat(ids[0], generation, 'a'), 'NONE')
  t.is(bench.heartbeat(ids[1], generation, 'b'), 'FENCED_INSTANCE_ID')
  t.is(checkCommit(bench.group, { memberId: ids[1], instanceId: 'b', generation }, false), 'FENCED_INSTANCE_ID')
})

test('a static leader that comes back is told to skip the assignment (KIP-814), an old client that it does not lead', (t) => {
  const { bench, ids } = Bench.stable(['a', 'b'])
  const back = bench.joined(bench.join({ instanceId: 'a' }))!
  t.true(back.skipAssignment)
  t.is(back.leader, back.memberId)
  t.is(back.members.length, 2)
  const old = bench.joined(bench.join({ instanceId: 'a', skip: false }))!
  t.is(old.leader, back.memberId)
  t.not(old.memberId, old.leader)
  t.is(old.members.length, 0)
  t.is(bench.group.leader, old.memberId)
  t.not(ids[0], old.memberId)
})

test('static members return at once to a group that was read from the log', (t) => {
  const { bench } = Bench.stable(['a', 'b'])
  const after = new Bench({}, restoreGroup('g', snapshotOf(bench.group), { wall: 5, mono: 0 }))
  after.ids = 100
  t.is(after.group.state, 'Stable')
  for (const [instanceId, assignment] of [
    ['a', 'A'],
    ['b', 'B'],
  ] as const) {
    const back = after.joined(after.join({ instanceId }))!
    t.is(back.generation, bench.group.generation)
    t.is(after.synced(after.sync(back.memberId, {}, back.generation, instanceId))!.assignment.toString(), assignment)
  }
  after.pass(10_000)
  t.is(after.group.state, 'Empty', 'sessions start anew, and end')
})

test('static members keep their places through a rebalance; without any of them it is tried again', (t) => {
  const { bench, ids } = Bench.stable(['a', 'b'])
  const third = bench.join({ instanceId: 'c' })
  for (let i = 0; i < 7; i++) {
    bench.pass(9000)
    bench.heartbeat(ids[0], bench.group.generation, 'a')
    bench.heartbeat(ids[1], bench.group.generation, 'b')
  }
  t.is(bench.joined(third)!.error, 'NONE')
  t.is(bench.joined(third)!.members.length, 3)
})

test('an administrator removes a static member by its instance id', (t) => {
  const { bench, ids } = Bench.stable(['a', 'b'])
  t.is(bench.leave('', 'b'), 'NONE')
  t.is(bench.leave('', 'b'), 'UNKNOWN_MEMBER_ID')
  t.is(bench.leave('other', 'a'), 'FENCED_INSTANCE_ID')
  t.deepEqual([...bench.group.members.keys()], [ids[0]])
})

test('the protocol is the one with most votes among those that everybody speaks', (t) => {
  const bench = new Bench({ groupInitialRebalanceDelayMs: 3000 })
  const tickets = [bench.join({ protocols: ['a', 'b', 'c'] }), bench.join({ protocols: ['c', 'b'] }), bench.join({ protocols: ['b', 'c'] })]
  bench.pass(6000)
  t.deepEqual(
    tickets.map((ticket) => bench.joined(ticket)!.protocolName),
    ['b', 'b', 'b'],
  )
  t.is(bench.joined(bench.join({ protocols: ['a'] }))!.error, 'INCONSISTENT_GROUP_PROTOCOL')
  t.is(bench.joined(bench.join({ type: 'connect', protocols: ['b'] }))!.error, 'INCONSISTENT_GROUP_PROTOCOL')
})

test('a new group waits group.initial.rebalance.delay.ms, again while members keep coming', (t) => {
  const bench = new Bench({ groupInitialRebalanceDelayMs: 3000 })
  const first = bench.join()
  bench.pass(2999)
  const second = bench.join()
  bench.pass(1)
  t.is(bench.joined(first), undefined)
  bench.pass(3000)
  t.is(bench.joined(first)!.members.length, 2)
  t.is(bench.joined(second)!.generation, 1)
})

test('group.max.size turns away new members, never old ones', (t) => {
  const bench = new Bench({ groupMaxSize: 1 })
  const { memberId } = bench.joined(bench.join())!
  t.is(bench.joined(bench.join())!.error, 'GROUP_MAX_SIZE_REACHED')
  t.is(bench.joined(bench.join({ memberId, metadata: Buffer.from('x') }))!.error, 'NONE')
})

test('commits are checked against the generation; a rebalance that waits for the assignment refuses them', (t) => {
  const { bench, ids } = Bench.stable()
  const { generation } = bench.group
  const check = (memberId: string, at: number, transactional = false): string =>
    checkCommit(bench.group, { memberId, instanceId: null, generation: at }, transactional)
  t.is(check(ids[0], generation), 'NONE')
  t.is(check(ids[0], generation - 1), 'ILLEGAL_GENERATION')
  t.is(check('stranger', generation), 'UNKNOWN_MEMBER_ID')
  t.is(check('', -1), 'UNKNOWN_MEMBER_ID', 'a consumer without a group may not commit while the group has members')
  t.is(check('', -1, true), 'NONE', 'a producer that names no member is trusted')
  bench.join({ memberId: ids[1], metadata: Buffer.from('x') })
  t.is(check(ids[0], generation), 'NONE', 'the old generation still commits while the others join')
  bench.join({ memberId: ids[0] })
  t.is(check(ids[0], generation + 1), 'REBALANCE_IN_PROGRESS')
  t.is(check(ids[0], generation + 1, true), 'NONE')
  t.is(checkCommit(newGroup('simple', { wall: 0, mono: 0 }), { memberId: '', instanceId: null, generation: -1 }, false), 'NONE')
})

const actions = fc.array(
  fc.record({
    kind: fc.constantFrom('join', 'join', 'rejoin', 'sync', 'sync', 'heartbeat', 'leave', 'pass', 'pass', 'restart'),
    who: fc.nat(5),
    fixed: fc.boolean(),
    change: fc.nat(3),
    ms: fc.constantFrom(10, 1000, 6000, 11_000, 70_000),
  }),
  { maxLength: 60 },
)

test('whatever members do: generations rise, stable members have an assignment, and no request is forgotten', (t) => {
  fc.assert(
    fc.property(actions, fc.constantFrom(0, 3000), (steps, groupInitialRebalanceDelayMs) => {
      let bench = new Bench({ groupInitialRebalanceDelayMs })
      const ids: string[] = []
      const asked = new Map<number, number>()
      let generation = 0
      const note = (ticket: number): void => {
        const answer = bench.joined(ticket)
        if (answer === undefined) asked.set(ticket, bench.mono)
        else if (answer.memberId !== '' && !ids.includes(answer.memberId)) ids.push(answer.memberId)
      }
      for (const { kind, who, fixed, change, ms } of steps) {
        const id = ids[who % Math.max(1, ids.length)] ?? 'nobody'
        const member = bench.group.members.get(id)
        const instanceId = member?.instanceId ?? null
        const metadata = Buffer.from(String(change))
        if (kind === 'join') note(bench.join({ ...(fixed ? { instanceId: `i${who}` } : { known: change > 1 }), metadata }))
        else if (kind === 'rejoin') note(bench.join({ memberId: id, ...(instanceId === null ? {} : { instanceId }), metadata }))
        else if (kind === 'sync') {
          const all = Object.fromEntries([...bench.group.members.keys()].map((each) => [each, `for ${each}`]))
          const ticket = bench.sync(id, bench.group.leader === id ? all : {}, bench.group.generation, instanceId)
          if (!bench.answers.has(ticket)) asked.set(ticket, bench.mono)
        } else if (kind === 'heartbeat') bench.heartbeat(id, bench.group.generation, instanceId)
        else if (kind === 'leave') bench.leave(id, instanceId)
        else if (kind === 'pass') bench.pass(ms)
        else {
          const last = bench.records.findLast((record) => record.kind === 'group')
          if (last?.kind !== 'group' || last.value === null) continue
          const { mono, ids: count, config, tickets } = bench
          bench = new Bench(config, restoreGroup('g', last.value, { wall: mono, mono }))
          Object.assign(bench, { mono, ids: count, tickets })
          bench.records.push(last)
          asked.clear()
          generation = 0
        }
        const { group } = bench
        if (group.generation < generation) throw new Error('the generation went back')
        generation = group.generation
        for (const each of group.members.values()) {
          if (group.state === 'Stable' && each.assignment.length === 0) throw new Error(`${each.id} is stable without an assignment`)
          if (group.state === 'Stable' && (each.join !== null || each.sync !== null)) throw new Error(`${each.id} waits in a stable group`)
          if (each.instanceId !== null && group.statics.get(each.instanceId) !== each.id) throw new Error('static index is wrong')
        }
        if (group.members.size > 0 && !group.members.has(group.leader ?? '')) throw new Error('no leader')
        if ((group.state === 'Empty') !== (group.members.size === 0) && group.state !== 'PreparingRebalance') throw new Error('emptiness')
      }
      // Whoever waits is answered within the longest a rebalance and a first join may take, however silent all others are.
      bench.pass(10 * 60_000)
      for (const ticket of asked.keys())
        if (!bench.answers.has(ticket)) throw new Error(`request ${ticket} was forgotten in ${bench.group.state}`)
    }),
    { numRuns: 300 },
  )
  t.pass()
})
