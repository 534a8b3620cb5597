import test from 'ava'

import { decodeMessageSet } from '../../core/record/legacy-decode.ts'
import { encodeMessage } from '../../core/record/legacy-encode.ts'
import { OldClient, blob, i16, i32, i64, list, text } from '../support/old-wire.ts'
import { startBroker } from '../support/start-broker.ts'

/** Each call of clients of Kafka 0.8 to 0.10, in the versions that they use, byte by byte. */

const Api = {
  Produce: 0,
  Fetch: 1,
  ListOffsets: 2,
  Metadata: 3,
  OffsetCommit: 8,
  OffsetFetch: 9,
  GroupCoordinator: 10,
  JoinGroup: 11,
  Heartbeat: 12,
  LeaveGroup: 13,
  SyncGroup: 14,
  DescribeGroups: 15,
  ListGroups: 16,
} as const

/** Of the errors the numbers that those clients know. */
const Errors = {
  none: 0,
  offsetOutOfRange: 1,
  corrupt: 2,
  unknownTopic: 3,
  metadataTooLarge: 12,
  illegalGeneration: 22,
  inconsistentProtocol: 23,
  unknownMember: 25,
  invalidSessionTimeout: 26,
  rebalanceInProgress: 27,
} as const

const TIME = 1_700_000_000_000
const set = (magic: 0 | 1, ...values: string[]): Buffer =>
  Buffer.concat(
    values.map((value, i) => encodeMessage({ offset: i, timestamp: TIME + i, key: null, value: Buffer.from(value) }, { magic })),
  )

/** Makes the topics that are asked for by name. */
function metadata(client: OldClient, topics: string[]) {
  return client.ask(Api.Metadata, 0, [list(...topics.map((name) => [text(name)]))], (answer) => {
    const ints = (): number[] => answer.list(() => answer.i32())
    return {
      brokers: answer.list(() => [answer.i32(), `${answer.text()}:${answer.i32()}`]),
      topics: answer.list(() => ({
        error: answer.i16(),
        name: answer.text(),
        partitions: answer.list(() => [answer.i16(), answer.i32(), answer.i32(), ints(), ints()]),
      })),
    }
  })
}

interface Stored {
  error: number
  offset: number
  time?: number
}

function produce(client: OldClient, version: 0 | 1 | 2, topic: string, messages: Buffer, acks = 1): Promise<Stored> {
  return client.ask(Api.Produce, version, [i16(acks), i32(1000), list([text(topic), list([i32(0), blob(messages)])])], (answer): Stored => {
    const [stored] = answer.list(() => {
      answer.text()
      return answer.list((): Stored => {
        answer.i32()
        const result = { error: answer.i16(), offset: answer.i64() }
        return version < 2 ? result : { ...result, time: answer.i64() }
      })[0]!
    })
    if (version >= 1) answer.i32()
    return stored!
  })
}

interface Fetched {
  error: number
  highWatermark: number
  messages: string[]
}

function fetch(client: OldClient, version: 0 | 1 | 2 | 3, topic: string, offset: number, maxBytes = 100_000): Promise<Fetched> {
  const limits = version >= 3 ? [i32(1 << 20)] : []
  const body = [i32(-1), i32(100), i32(1), ...limits, list([text(topic), list([i32(0), i64(offset), i32(maxBytes)])])]
  return client.ask(Api.Fetch, version, body, (answer) => {
    if (version >= 1) answer.i32()
    return answer.list(() => {
      answer.text()
      return answer.list((): Fetched => {
        answer.i32()
        const head = { error: answer.i16(), highWatermark: answer.i64() }
        const { messages } = decodeMessageSet(answer.blob(), 1 << 20)
        return { ...head, messages: messages.map(({ offset: at, magic, value }) => `${at} ${magic} ${String(value)}`) }
      })[0]!
    })[0]!
  })
}

test('a producer and a consumer of 0.8.2: metadata make the topic, messages go in and come out, the ends are lists', async (t) => {
  const broker = await startBroker(t)
  const client = await OldClient.open(t, broker.bootstrap)
  const [nodeId] = (await metadata(client, [])).brokers[0]!
  t.deepEqual(await metadata(client, ['a']), {
    brokers: [[nodeId, broker.bootstrap]],
    topics: [{ error: Errors.none, name: 'a', partitions: [[Errors.none, 0, nodeId, [nodeId], [nodeId]]] }],
  })
  t.deepEqual(
    (await metadata(client, [])).topics.map(({ name }) => name),
    ['a'],
    'none is all',
  )
  t.deepEqual(await produce(client, 0, 'a', set(0, 'zero', 'one')), { error: Errors.none, offset: 0 })
  t.deepEqual(await produce(client, 1, 'a', set(0, 'two'), -1), { error: Errors.none, offset: 2 })
  t.deepEqual(await produce(client, 2, 'a', set(1, 'three')), { error: Errors.none, offset: 3, time: -1 })
  t.is((await produce(client, 0, 'no', set(0, 'x'))).error, Errors.unknownTopic)
  const damaged = set(0, 'x')
  damaged[14]! ^= 1
  t.is((await produce(client, 0, 'a', damaged)).error, Errors.corrupt)

  const read = { error: Errors.none, highWatermark: 4 }
  t.deepEqual(await fetch(client, 0, 'a', 0), { ...read, messages: ['0 0 zero', '1 0 one', '2 0 two', '3 0 three'] })
  t.deepEqual(await fetch(client, 1, 'a', 3), { ...read, messages: ['3 0 three'] })
  t.deepEqual(await fetch(client, 2, 'a', 1, 40), { ...read, messages: ['1 1 one'] })
  t.deepEqual(await fetch(client, 3, 'a', 2, 1), { ...read, messages: ['2 1 two'] }, 'one message, whatever the limit')
  t.deepEqual(await fetch(client, 0, 'a', 4), { ...read, messages: [] }, 'at the end there is nothing, which is no error')
  t.is((await fetch(client, 0, 'a', 5)).error, Errors.offsetOutOfRange)
  t.is((await fetch(client, 0, 'no', 0)).error, Errors.unknownTopic)

  const ends = (topic: string, time: number, count: number) =>
    client.ask(Api.ListOffsets, 0, [i32(-1), list([text(topic), list([i32(0), i64(time), i32(count)])])], (answer) => {
      return answer.list(() => [answer.text(), ...answer.list(() => [answer.i32(), answer.i16(), answer.list(() => answer.i64())])[0]!])[0]!
    })
  t.deepEqual(await ends('a', -1, 1), ['a', 0, Errors.none, [4]])
  t.deepEqual(await ends('a', -1, 100), ['a', 0, Errors.none, [4, 0]])
  t.deepEqual(await ends('a', -1, 0), ['a', 0, Errors.none, []])
  t.deepEqual(await ends('a', -2, 1), ['a', 0, Errors.none, [0]])
  t.deepEqual(await ends('a', Date.now() + 60_000, 5), ['a', 0, Errors.none, [0]], 'segments written before a time')
  t.deepEqual(await ends('a', 1, 5), ['a', 0, Errors.none, []])
  t.deepEqual(await ends('no', -1, 1), ['no', 0, Errors.unknownTopic, []])
})

test('a topic with LogAppendTime tells producers of 0.10 the time and gives it to all messages', async (t) => {
  const broker = await startBroker(t, { config: { logMessageTimestampType: 'LogAppendTime' } })
  const client = await OldClient.open(t, broker.bootstrap)
  await metadata(client, ['a'])
  const before = Date.now()
  const { time } = await produce(client, 2, 'a', set(1, 'one', 'two'))
  t.true(time! >= before && time! <= Date.now())
  t.deepEqual(await produce(client, 0, 'a', set(0, 'three')), { error: Errors.none, offset: 2 })
  const body = [i32(-1), i32(100), i32(1), list([text('a'), list([i32(0), i64(0), i32(100_000)])])]
  const bytes = await client.ask(Api.Fetch, 2, body, (answer) => {
    answer.i32()
    return answer.list(() => [
      answer.text(),
      answer.list(() => [answer.i32(), answer.i16(), answer.i64(), answer.blob()]),
    ])[0]![1]![0]![3] as Buffer
  })
  const { messages } = decodeMessageSet(bytes, 1 << 20)
  t.deepEqual(
    messages.map(({ timestamp, logAppendTime, value }) => [timestamp === time || timestamp >= time!, logAppendTime, String(value)]),
    ['one', 'two', 'three'].map((value) => [true, true, value]),
  )
  t.deepEqual(
    messages.slice(0, 2).map(({ timestamp }) => timestamp),
    [time, time],
  )
})

/** Offsets of groups: OffsetCommit 0 to 2, OffsetFetch 0 and 1. */
function positions(client: OldClient, group: string) {
  return {
    commit(version: 0 | 1 | 2, topic: string, offset: number, note = 'n', [generation, member] = [-1, '']): Promise<number> {
      const who = version === 0 ? [] : [i32(generation), text(member)]
      const retention = version === 2 ? [i64(-1)] : []
      const partition = [i32(0), i64(offset), ...(version === 1 ? [i64(-1)] : []), text(note)]
      const body = [text(group), ...who, ...retention, list([text(topic), list(partition)])]
      return client.ask(Api.OffsetCommit, version, body, (answer) => {
        const topics = answer.list(() => {
          t(answer.text() === topic)
          return answer.list(() => [answer.i32(), answer.i16()])
        })
        return topics[0]![0]![1]!
      })
    },
    fetch(version: 0 | 1, topic: string): Promise<(number | string | null)[]> {
      return client.ask(Api.OffsetFetch, version, [text(group), list([text(topic), list([i32(0)])])], (answer) => {
        return answer.list(() => {
          t(answer.text() === topic)
          return answer.list(() => [answer.i32(), answer.i64(), answer.text(), answer.i16()]).flat()
        })[0]!
      })
    },
  }
  function t(holds: boolean): void {
    if (!holds) throw new Error('another topic is answered')
  }
}

test('offsets of 0.8.1 (ZooKeeper then) and of later versions are the same offsets of the group', async (t) => {
  const broker = await startBroker(t)
  const client = await OldClient.open(t, broker.bootstrap)
  // As the first thing ever: a client of 0.8.1 asks for no coordinator.
  const early = positions(client, 'early')
  t.deepEqual(await early.fetch(0, 'a'), [0, -1, '', Errors.unknownTopic], 'ZooKeeper had no such node')
  t.is(await early.commit(0, 'a', 1), Errors.unknownTopic)
  await metadata(client, ['a'])
  const group = positions(client, 'g')
  t.deepEqual(await group.fetch(0, 'a'), [0, -1, '', Errors.unknownTopic])
  t.deepEqual(await group.fetch(1, 'a'), [0, -1, '', Errors.none])
  for (const [i, version] of ([0, 1, 2] as const).entries()) {
    t.is(await group.commit(version, 'a', 10 + i, `v${version}`), Errors.none)
    t.deepEqual(await group.fetch(0, 'a'), [0, 10 + i, `v${version}`, Errors.none])
    t.deepEqual(await group.fetch(1, 'a'), [0, 10 + i, `v${version}`, Errors.none])
  }
  t.is(await group.commit(0, 'a', 20, 'x'.repeat(5000)), Errors.metadataTooLarge)
  t.is(await group.commit(1, 'a', 20, 'n', [3, 'nobody']), Errors.unknownMember)
  t.deepEqual(await group.fetch(1, 'a'), [0, 12, 'v2', Errors.none])
})

test('a group of 0.9: coordinator, join, sync, heartbeat, commit, rebalance, leave, list and describe, each in version 0', async (t) => {
  const broker = await startBroker(t)
  const first = await OldClient.open(t, broker.bootstrap, 'one')
  const second = await OldClient.open(t, broker.bootstrap, 'two')
  const [host, port] = broker.bootstrap.split(':')
  const coordinator = await first.ask(Api.GroupCoordinator, 0, [text('g')], (answer) => [
    answer.i16(),
    answer.i32(),
    answer.text(),
    answer.i32(),
  ])
  t.deepEqual([coordinator[0], coordinator[2], coordinator[3]], [Errors.none, host, Number(port)])

  const join = (client: OldClient, member: string, version: 0 | 1 = 0, session = 10_000, protocol = 'range') => {
    const times = version === 0 ? [i32(session)] : [i32(session), i32(20_000)]
    const protocols = list([text(protocol), blob(Buffer.from(`of ${member}`))])
    return client.ask(Api.JoinGroup, version, [text('g'), ...times, text(member), text('consumer'), protocols], (answer) => ({
      error: answer.i16(),
      generation: answer.i32(),
      protocol: answer.text(),
      leader: answer.text()!,
      member: answer.text()!,
      members: answer.list(() => [answer.text(), answer.blob().toString()]),
    }))
  }
  const sync = (client: OldClient, generation: number, member: string, assignments: [string, string][] = []) => {
    const each = assignments.map(([who, what]) => [text(who), blob(Buffer.from(what))])
    return client.ask(Api.SyncGroup, 0, [text('g'), i32(generation), text(member), list(...each)], (answer) => [
      answer.i16(),
      answer.blob().toString(),
    ])
  }
  const heartbeat = (client: OldClient, generation: number, member: string) =>
    client.ask(Api.Heartbeat, 0, [text('g'), i32(generation), text(member)], (answer) => answer.i16())
  const leave = (client: OldClient, member: string) => client.ask(Api.LeaveGroup, 0, [text('g'), text(member)], (answer) => answer.i16())
  const describe = () =>
    first.ask(Api.DescribeGroups, 0, [list([text('g')], [text('none')])], (answer) =>
      answer.list(() => ({
        error: answer.i16(),
        group: answer.text(),
        state: answer.text(),
        type: answer.text(),
        protocol: answer.text(),
        members: answer.list(() => [answer.text(), answer.text(), answer.text(), answer.blob().toString(), answer.blob().toString()]),
      })),
    )

  t.is((await join(first, '', 0, 1)).error, Errors.invalidSessionTimeout)
  t.is((await join(first, 'nobody')).error, Errors.unknownMember)
  const one = await join(first, '')
  t.deepEqual(
    { ...one, member: '', leader: '' },
    {
      error: Errors.none,
      generation: 1,
      protocol: 'range',
      leader: '',
      member: '',
      members: [[one.member, 'of ']],
    },
  )
  t.is(one.leader, one.member, 'at once, without being sent back for an id')
  t.deepEqual(await sync(first, 1, one.member, [[one.member, 'all']]), [Errors.none, 'all'])
  t.is(await heartbeat(first, 1, one.member), Errors.none)
  t.is(await heartbeat(first, 2, one.member), Errors.illegalGeneration)
  t.is(await heartbeat(first, 1, 'nobody'), Errors.unknownMember)
  t.is((await join(second, '', 0, 10_000, 'roundrobin')).error, Errors.inconsistentProtocol)

  // A second member, by version 1: the first hears of it by its heartbeat, and both join again.
  const joining = join(second, '', 1)
  while ((await heartbeat(first, 1, one.member)) === Errors.none) await new Promise((resolve) => setImmediate(resolve))
  t.is(await heartbeat(first, 1, one.member), Errors.rebalanceInProgress)
  const again = await join(first, one.member)
  const two = await joining
  t.deepEqual([again.error, again.generation, again.members.length], [Errors.none, 2, 2])
  t.deepEqual([two.error, two.generation, two.members.length, two.leader], [Errors.none, 2, 0, one.member])
  const following = sync(second, 2, two.member)
  t.deepEqual(
    await sync(first, 2, one.member, [
      [one.member, 'left'],
      [two.member, 'right'],
    ]),
    [Errors.none, 'left'],
  )
  t.deepEqual(await following, [Errors.none, 'right'])

  t.deepEqual(await first.ask(Api.ListGroups, 0, [], (answer) => [answer.i16(), answer.list(() => [answer.text(), answer.text()])]), [
    Errors.none,
    [['g', 'consumer']],
  ])
  const [known, none] = await describe()
  t.deepEqual(
    { ...known, members: known!.members.map(([member, client, , , assignment]) => [member, client, assignment]) },
    {
      error: Errors.none,
      group: 'g',
      state: 'Stable',
      type: 'consumer',
      protocol: 'range',
      members: [
        [one.member, 'one', 'left'],
        [two.member, 'two', 'right'],
      ],
    },
  )
  t.deepEqual(none, { error: Errors.none, group: 'none', state: 'Dead', type: '', protocol: '', members: [] })

  await metadata(first, ['a'])
  const offsets = positions(first, 'g')
  for (const version of [1, 2] as const) {
    t.is(await offsets.commit(version, 'a', version, '', [2, one.member]), Errors.none)
    t.is(await offsets.commit(version, 'a', 9, '', [1, one.member]), Errors.illegalGeneration)
    t.is(await offsets.commit(version, 'a', 9, '', [2, 'nobody']), Errors.unknownMember)
    t.deepEqual(await offsets.fetch(1, 'a'), [0, version, '', Errors.none])
  }
  t.is(await leave(second, two.member), Errors.none)
  t.is(await leave(second, two.member), Errors.unknownMember)
  t.is(await heartbeat(first, 2, one.member), Errors.rebalanceInProgress)
  t.is(await leave(first, one.member), Errors.none)
  t.is((await describe())[0]!.state, 'Empty')
})
