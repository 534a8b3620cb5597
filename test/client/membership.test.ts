import test from 'ava'
import fc from 'fast-check'

import { Broker, connect } from '../../core/index.ts'
import type { Assignment, Assignor, Client, ConsumerBatch, ConsumerOptions } from '../../core/index.ts'
import { systemClock } from '../../core/base/clock.ts'
import type { Clock } from '../../core/base/clock.ts'
import { idKey, Reconciliation } from '../../core/client/reconciliation.ts'
import type { Beat, TopicIdPartition } from '../../core/client/reconciliation.ts'
import { ApiVersions, ConsumerGroupHeartbeat } from '../../core/testing/index.ts'
import { newTopic, numbers, partitionsOf, pollSome, quickHeartbeats } from '../support/client-kit.ts'
import { Audit, kinds, produce } from '../support/membership-audit.ts'
import { holdingDialer } from '../support/holding-dialer.ts'
import { startBroker, tempDir } from '../support/start-broker.ts'

const partitions: TopicIdPartition[] = [0, 1].map((partition) => ({ topicId: 'T', partition }))
const MEMBERS = [0, 1]

/** A coordinator as naive as can be: what it has told a member, that member may own until it says that it does not. */
class NaiveCoordinator {
  readonly mayOwn = MEMBERS.map(() => new Set<number>())
  readonly isMember = MEMBERS.map(() => false)
  target: number[] = partitions.map(() => 0)

  answer(member: number, beat: Beat): { epoch: number; assignment: TopicIdPartition[] } | 'fenced' {
    if (beat.epoch === 0) {
      this.mayOwn[member]!.clear()
      this.isMember[member] = true
    } else if (!this.isMember[member]) return 'fenced'
    if (beat.owned !== null) {
      const told = new Set(beat.owned.map((tp) => tp.partition))
      // Only what it is to give up: what it has been given in an answer that may still be on its way stays its own.
      for (const p of this.mayOwn[member]!) if (this.target[p] !== member && !told.has(p)) this.mayOwn[member]!.delete(p)
    }
    for (const [p, owner] of this.target.entries())
      if (owner === member && this.mayOwn.every((set, other) => other === member || !set.has(p))) this.mayOwn[member]!.add(p)
    const assigned = partitions.filter((tp) => this.mayOwn[member]!.has(tp.partition) && this.target[tp.partition] === member)
    return { epoch: 1, assignment: assigned }
  }

  /** The session of the member has ended. */
  fence(member: number): void {
    this.isMember[member] = false
    this.mayOwn[member]!.clear()
  }
}

/** A consumer: its machine, and what it really reads. */
class NaiveMember {
  readonly machine = new Reconciliation()
  held = new Map<string, TopicIdPartition>()
  step: { meant: TopicIdPartition[]; revoked: boolean } | undefined
  sent: Beat | undefined

  /** What may go first goes. */
  begin(): void {
    if (this.step !== undefined || !this.machine.isDue(() => true)) return
    this.step = { meant: this.machine.begin(() => true), revoked: false }
  }

  revoke(): void {
    if (this.step === undefined || this.step.revoked) return
    const meant = new Set(this.step.meant.map(idKey))
    for (const key of this.held.keys()) if (!meant.has(key)) this.held.delete(key)
    this.step.revoked = true
  }

  receive(): void {
    if (this.step?.revoked !== true) return
    for (const tp of this.step.meant) this.held.set(idKey(tp), tp)
    this.step = undefined
    this.machine.finished([...this.held.values()])
  }

  lose(): void {
    this.machine.lose()
    this.held.clear()
    this.step = undefined
    this.sent = undefined
  }
}

const who = fc.constantFrom(...MEMBERS)
const event = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('beat' as const), member: who }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('answer', 'loseRequest', 'loseAnswer'), member: who }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constantFrom('begin', 'revoke', 'receive'), member: who }) },
  // Without these the walks seldom get far.
  { weight: 12, arbitrary: fc.record({ kind: fc.constantFrom('exchange', 'step', 'resend'), member: who }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('fence' as const), member: who }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('move' as const), member: who, partition: fc.nat(partitions.length - 1) }) },
)

test('a partition never has two owners, whatever is lost on the way, and in the end each has what is meant for it (KIP-848)', (t) => {
  let moved = 0
  fc.assert(
    fc.property(fc.array(event, { maxLength: 80, size: 'max' }), (events) => {
      const coordinator = new NaiveCoordinator()
      const members = MEMBERS.map(() => new NaiveMember())
      const deliver = (id: number): void => {
        const member = members[id]!
        if (member.sent === undefined) return
        const answer = coordinator.answer(id, member.sent)
        member.sent = undefined
        if (answer === 'fenced') member.lose()
        else member.machine.answered(answer.epoch, answer.assignment)
      }
      for (const e of events) {
        const member = members[e.member]!
        if (e.kind === 'beat') member.sent ??= member.machine.beat()
        else if (e.kind === 'answer') deliver(e.member)
        else if (e.kind === 'exchange') {
          member.sent ??= member.machine.beat()
          deliver(e.member)
        } else if (e.kind === 'step') {
          member.begin()
          member.revoke()
          member.receive()
        } else if (e.kind === 'resend') {
          member.machine.failed()
          member.sent = member.machine.beat()
        } else if (e.kind === 'loseRequest' || e.kind === 'loseAnswer') {
          if (member.sent === undefined) continue
          if (e.kind === 'loseAnswer') coordinator.answer(e.member, member.sent)
          member.sent = undefined
          member.machine.failed()
        } else if (e.kind === 'begin') member.begin()
        else if (e.kind === 'revoke') member.revoke()
        else if (e.kind === 'receive') member.receive()
        else if (e.kind === 'move') coordinator.target[e.partition] = e.member
        else if (e.kind === 'fence') {
          // The member hears of it at once here: what a zombie reads in the meantime is for the coordinator to refuse.
          coordinator.fence(e.member)
          member.lose()
        }
        const owned = members.flatMap(({ held }) => [...held.keys()])
        if (new Set(owned).size !== owned.length) return false
      }
      for (let round = 0; round < 12; round++) {
        for (const [id, member] of members.entries()) {
          member.sent ??= member.machine.beat()
          deliver(id)
          member.begin()
          member.revoke()
          member.receive()
        }
      }
      moved += events.length
      return members.every(({ held }, id) => {
        const meant = partitions.filter((tp) => coordinator.target[tp.partition] === id).map(idKey)
        return meant.length === held.size && meant.every((key) => held.has(key))
      })
    }),
    { numRuns: 4000 },
  )
  t.true(moved > 10_000)
})

for (const [name, kind] of Object.entries(kinds)) {
  test(`the coordinator restarts under load, and no record is lost or read twice (${name})`, async (t) => {
    const config = { 'offsets.topic.num.partitions': 2, 'group.initial.rebalance.delay.ms': 0, ...quickHeartbeats } as const
    const options = { dir: await tempDir(t), config }
    let server = await Broker.start({ ...options, port: 0 })
    t.teardown(() => server.close())
    const { port } = server
    const client = await connect(server.bootstrap, { retryBackoffMs: 10, retryBackoffMaxMs: 50 })
    t.teardown(() => client.close())
    const topic = await newTopic(client, 4)
    const audit = new Audit(t, client, 'restarting', kind)
    audit.start(topic)
    audit.start(topic)
    const producing = (async () => {
      for (let n = 0; n < 10; n++) await produce(client, topic, 4, 100, n * 100)
    })()
    for (let restarts = 1; restarts <= 2; restarts++) {
      await audit.until(() => audit.seen.length >= restarts * 100)
      await server.close()
      server = await Broker.start({ ...options, port: port! })
      audit.start(topic)
      await audit.until(() => audit.assigned(restarts + 1))
    }
    await producing
    await audit.until(() => new Set(audit.seen).size === 1000)
    await audit.end()
    t.deepEqual(
      audit.seen.toSorted((a, b) => Number(a) - Number(b)),
      numbers(1000),
    )
  })
}

const sessions = { 'group.consumer.min.session.timeout.ms': '300', 'group.consumer.session.timeout.ms': '300' } as const

test('a member of KIP-848 whose session ends is told that its partitions are lost, and joins again', async (t) => {
  const broker = await startBroker(t, { config: { ...quickHeartbeats, ...sessions } })
  const dialer = holdingDialer(broker.dialer)
  const client = await connect(broker, { dialer })
  t.teardown(() => client.close())
  const topic = await newTopic(client, 2)
  const told: string[] = []
  const consumer = client.consumer({ groupId: 'sessions', groupProtocol: 'consumer', autoOffsetReset: 'earliest', fetchMaxWaitMs: 20 })
  consumer.subscribe([topic], {
    onAssigned: (tps) => void told.push(`assigned ${tps.length}`),
    onRevoked: (tps) => void told.push(`revoked ${tps.length}`),
    onLost: (tps) => void told.push(`lost ${tps.length}`),
  })
  await produce(client, topic, 2, 2)
  const [batch] = (await pollSome(consumer)) as [ConsumerBatch]
  const epoch = consumer.groupMetadata().generation
  dialer.hold(ConsumerGroupHeartbeat.key)
  while (broker.group('sessions')!.members > 0) await consumer.poll(20)
  dialer.release(ConsumerGroupHeartbeat.key)
  while (!told.includes('lost 2')) await consumer.poll(20)
  while (consumer.assignment().length < 2) await consumer.poll(20)
  t.deepEqual(told, ['assigned 2', 'lost 2', 'assigned 2'])
  t.true(consumer.groupMetadata().generation > epoch)
  await t.throwsAsync(consumer.commit(batch), { message: /STALE_MEMBER_EPOCH/ })
  await consumer.commit()
})

test('a second member of KIP-848 with an instance id waits for the first as long as a session, and no longer', async (t) => {
  const broker = await startBroker(t, { config: quickHeartbeats })
  const client = await connect(broker)
  t.teardown(() => client.close())
  // Half a second is a session to whom it goes by so fast.
  const clock: Clock = { ...systemClock, monotonic: () => systemClock.monotonic() * 90 }
  const hurried = await connect(broker, { clock, requestTimeoutMs: 3_000_000 })
  t.teardown(() => hurried.close())
  const topic = await newTopic(client, 1)
  const join = (who: Client) => {
    const consumer = who.consumer({ groupId: 'doubles', groupInstanceId: 'i', groupProtocol: 'consumer' })
    consumer.subscribe([topic])
    return consumer
  }
  const first = join(client)
  while (first.assignment().length === 0) await first.poll(20)
  const second = join(hurried)
  const polling = async (): Promise<never> => {
    for (;;) await second.poll(50)
  }
  await t.throwsAsync(polling(), { code: 'FENCED', message: /'i'/ })
  const third = join(client)
  await Promise.all([third.poll(200), first.poll(200)])
  t.is(third.assignment().length, 0)
  await first.close()
  while (third.assignment().length === 0) await third.poll(20)
  t.deepEqual(third.assignment(), [{ topic, partition: 0 }])
})

test('a listener that throws tells the one who polls, and the rebalance goes on', async (t) => {
  const broker = await startBroker(t, { config: quickHeartbeats })
  const client = await connect(broker)
  t.teardown(() => client.close())
  for (const kind of Object.values(kinds)) {
    const [one, two] = [await newTopic(client, 1), await newTopic(client, 2)]
    const consumer = client.consumer({ groupId: `throwing-${one}`, ...kind })
    const onRevoked = (): never => {
      throw new Error('no')
    }
    consumer.subscribe([one], { onRevoked })
    while (consumer.assignment().length === 0) await consumer.poll(20)
    consumer.subscribe([two], { onRevoked })
    const polling = async (): Promise<never> => {
      for (;;) await consumer.poll(20)
    }
    await t.throwsAsync(polling(), { message: 'no' })
    while (consumer.assignment().length < 2) await consumer.poll(20)
    t.deepEqual(consumer.assignment(), partitionsOf(two, 2))
    await t.throwsAsync(consumer.close(), { message: 'no' })
  }
})

test('an expression that the coordinator cannot read ends membership with its reason', async (t) => {
  const broker = await startBroker(t, { config: quickHeartbeats })
  const client = await connect(broker)
  t.teardown(() => client.close())
  const consumer = client.consumer({ groupId: 'expressions', groupProtocol: 'consumer' })
  consumer.subscribe(/^(?=a)b/)
  const polling = async (): Promise<never> => {
    for (;;) await consumer.poll(20)
  }
  await t.throwsAsync(polling(), { message: /INVALID_REGULAR_EXPRESSION/ })
})

test('options of the other group protocol are refused by name, with what to do instead', async (t) => {
  const broker = await startBroker(t)
  const client = await connect(broker)
  t.teardown(() => client.close())
  const refused: readonly [ConsumerOptions, RegExp][] = [
    [
      { groupProtocol: 'consumer', partitionAssignmentStrategy: ['range'] },
      /partitionAssignmentStrategy does nothing .*groupRemoteAssignor/,
    ],
    [
      { 'group.protocol': 'consumer', 'session.timeout.ms': 45_000 },
      /session\.timeout\.ms does nothing .*group\.consumer\.session\.timeout\.ms/,
    ],
    [{ groupProtocol: 'consumer', heartbeatIntervalMs: 50 }, /heartbeatIntervalMs does nothing .*group\.consumer\.heartbeat\.interval\.ms/],
    [{ groupRemoteAssignor: 'uniform' }, /groupRemoteAssignor does nothing .*groupProtocol 'consumer'/],
    [
      { 'group.protocol': 'classic', 'group.remote.assignor': 'uniform' },
      /group\.remote\.assignor does nothing .*partitionAssignmentStrategy/,
    ],
  ]
  for (const [options, message] of refused)
    t.throws(() => client.consumer({ groupId: 'g', ...options }), { code: 'INVALID_CONFIG', message })
  t.notThrows(() => client.consumer({ groupId: 'g', groupProtocol: 'consumer', groupRemoteAssignor: 'range', sessionTimeoutMs: undefined }))
  t.notThrows(() => client.consumer({ groupId: 'g', groupProtocol: 'classic', sessionTimeoutMs: 6000, heartbeatIntervalMs: 50 }))
})

test('where the coordinator cannot match topics a member of KIP-848 finds them by itself, also those that come later', async (t) => {
  const broker = await startBroker(t, { config: quickHeartbeats })
  broker.intercept(ApiVersions, async (call) => {
    const answer = await call.next()
    for (const range of answer.apiKeys) if (range.apiKey === ConsumerGroupHeartbeat.key) range.maxVersion = 0
    return answer
  })
  const versions = new Set<number>()
  broker.intercept(ConsumerGroupHeartbeat, (call) => void versions.add(call.version))
  const client = await connect(broker, { metadataMaxAgeMs: 100 })
  t.teardown(() => client.close())
  const create = (...names: string[]) => client.admin.createTopics(names.map((name) => ({ name, partitions: 1 })))
  await create('flights-1', 'trains-1')
  const consumer = client.consumer({ groupId: 'alone', groupProtocol: 'consumer', autoOffsetReset: 'earliest', fetchMaxWaitMs: 20 })
  const topics = (): string[] => consumer.assignment().map(({ topic }) => topic)
  consumer.subscribe(/^flights-/)
  while (topics().length < 1) await consumer.poll(20)
  t.deepEqual(topics(), ['flights-1'])
  await create('flights-2', 'trains-2')
  while (topics().length < 2) await consumer.poll(20)
  t.deepEqual(topics().toSorted(), ['flights-1', 'flights-2'])
  consumer.subscribe(/^trains-1/)
  while (topics().some((topic) => topic !== 'trains-1') || topics().length === 0) await consumer.poll(20)
  t.deepEqual(topics(), ['trains-1'])
  t.deepEqual(versions, new Set([0]))
  await consumer.close()
})

test('an assignor tells each member more than its partitions, and a follower with news has the group shared out anew', async (t) => {
  const broker = await startBroker(t)
  const client = await connect(broker)
  t.teardown(() => client.close())
  await client.admin.createTopics([{ name: 't', partitions: 2 }])
  const news = new Map([
    ['a', 'first'],
    ['b', 'first'],
  ])
  const told = new Map<string, string>()
  const open = (name: string) => {
    const assignor: Assignor = {
      name: 'talking',
      assign(members) {
        const [first, ...others] = members.toSorted((x, y) => (x.memberId < y.memberId ? -1 : 1))
        const all = [0, 1].map((partition) => ({ topic: 't', partition }))
        const assignment: Assignment = new Map(others.map(({ memberId }) => [memberId, []]))
        assignment.set(first!.memberId, all)
        const said = members
          .map(({ userData }) => String(userData))
          .toSorted()
          .join(' ')
        assignment.userData = new Map(members.map(({ memberId, userData }) => [memberId, Buffer.from(`${String(userData)} heard ${said}`)]))
        return assignment
      },
      userData: () => Buffer.from(`${name}-${news.get(name)}`),
      onAssignment: ({ userData }) => told.set(name, String(userData)),
    }
    const consumer = client.consumer({ groupId: 'g', partitionAssignmentStrategy: [assignor], heartbeatIntervalMs: 100 })
    consumer.subscribe(['t'])
    return consumer
  }
  const consumers = [open('a'), open('b')]
  const heard = async (what: string) => {
    while (![...told.values()].every((text) => text.endsWith(`heard ${what}`)) || told.size < 2)
      await Promise.all(consumers.map((c) => c.poll(20)))
  }
  await heard('a-first b-first')
  t.is(told.get('a'), 'a-first heard a-first b-first')
  for (const [i, name] of ['a', 'b'].entries()) {
    news.set(name, 'second')
    consumers[i]!.enforceRebalance()
    await heard([...news].map(([who, what]) => `${who}-${what}`).join(' '))
  }
  t.is(told.get('b'), 'b-second heard a-second b-second')
  await Promise.all(consumers.map((c) => c.close()))
})
