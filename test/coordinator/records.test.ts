import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import test from 'ava'
import fc from 'fast-check'

import { javaHash, partitionOf } from '../../core/coordinator/partition-of.ts'
import { fileProducerIdStore, ProducerIds } from '../../core/coordinator/producer-ids.ts'
import { type CoordinatorRecord, decodeRecord, encodeRecord } from '../../core/coordinator/records.ts'
import { txnStates } from '../../core/coordinator/transaction-state.ts'
import { tempDir } from '../support/start-broker.ts'

const text = fc.string({ maxLength: 20 })
const name = fc.option(text, { nil: null })
const id = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER })
const int32 = fc.integer({ min: 0, max: 0x7fff_ffff })
const bytes = fc.uint8Array({ maxLength: 30 }).map((array) => Buffer.from(array))

const offset = fc.record({
  kind: fc.constant('offset' as const),
  group: text,
  topic: text,
  partition: int32,
  value: fc.option(
    fc.oneof(
      fc.record({
        offset: id,
        leaderEpoch: fc.integer({ min: -1, max: 100 }),
        metadata: text,
        commitTimestamp: id,
        expireTimestamp: fc.constant(-1),
      }),
      // The version that has a time of expiry has no leader epoch.
      fc.record({ offset: id, leaderEpoch: fc.constant(-1), metadata: text, commitTimestamp: id, expireTimestamp: id }),
    ),
    { nil: null },
  ),
})

const member = fc.record({
  id: text,
  instanceId: name,
  clientId: text,
  clientHost: text,
  sessionTimeoutMs: int32,
  rebalanceTimeoutMs: int32,
  subscription: bytes,
  assignment: bytes,
})
const snapshot = fc.record({
  protocolType: text,
  generation: int32,
  protocolName: name,
  leader: name,
  stateSince: id,
  members: fc.array(member, { maxLength: 4 }),
})
const group = fc.record({ kind: fc.constant('group' as const), group: text, value: fc.option(snapshot, { nil: null }) })

const partitions = fc
  .uniqueArray(fc.tuple(text, fc.nat(50)), { selector: ([topic, partition]) => `${topic}/${partition}`, maxLength: 6 })
  .map((list) => list.toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)).map(([topic, partition]) => ({ topic, partition })))
const state = fc.record({
  producerId: id,
  previousProducerId: fc.integer({ min: -1, max: 1000 }),
  nextProducerId: fc.integer({ min: -1, max: 1000 }),
  epoch: fc.integer({ min: -1, max: 32767 }),
  timeoutMs: int32,
  state: fc.constantFrom(...txnStates),
  partitions,
  startedAt: fc.integer({ min: -1 }),
  updatedAt: id,
  version: fc.constantFrom<0 | 2>(0, 2),
})
const transaction = fc.record({ kind: fc.constant('transaction' as const), id: text, value: fc.option(state, { nil: null }) })

const uuid = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((array) => Buffer.from(array).toString('base64url'))
const byTopic = <V>(make: (ids: number[]) => fc.Arbitrary<V>): fc.Arbitrary<Map<string, V>> => {
  const some = fc.uniqueArray(fc.nat(20), { minLength: 1, maxLength: 5 }).map((ids) => ids.toSorted((a, b) => a - b))
  return fc.uniqueArray(fc.tuple(uuid, some.chain(make)), { selector: ([topic]) => topic, maxLength: 3 }).map((list) => new Map(list))
}
const sets = byTopic((ids) => fc.constant(new Set(ids)))
const epochs = byTopic((ids) =>
  fc.array(fc.nat(9), { minLength: ids.length, maxLength: ids.length }).map((list) => new Map(ids.map((one, i) => [one, list[i]!]))),
)
const optional = <V>(value: fc.Arbitrary<V>): fc.Arbitrary<V | null> => fc.option(value, { nil: null })
const names = fc.uniqueArray(text, { maxLength: 3 }).map((list) => new Set(list))
const of = <K extends string, V>(kind: K, value: fc.Arbitrary<V>) =>
  fc.record({ kind: fc.constant(kind), group: text, value: optional(value) })
const ofMember = <K extends string, V>(kind: K, value: fc.Arbitrary<V>) =>
  fc.record({ kind: fc.constant(kind), group: text, member: text, value: optional(value) })
const classic = fc.record({ sessionTimeoutMs: int32, protocols: fc.array(fc.record({ name: text, metadata: bytes }), { maxLength: 2 }) })
const consumer: fc.Arbitrary<CoordinatorRecord> = fc.oneof(
  of('consumer group' as const, fc.record({ epoch: int32, metadataHash: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }) })),
  of('target' as const, fc.record({ epoch: int32, timestamp: id })),
  fc.record({
    kind: fc.constant('regex' as const),
    group: text,
    regex: text,
    value: optional(fc.record({ topics: names, version: id, timestamp: id })),
  }),
  ofMember(
    'member' as const,
    fc.record({
      instanceId: name,
      rackId: name,
      clientId: text,
      clientHost: text,
      topicNames: names,
      topicRegex: text,
      rebalanceTimeoutMs: int32,
      serverAssignor: name,
      classic: optional(classic),
    }),
  ),
  ofMember('member target' as const, sets),
  ofMember(
    'current' as const,
    fc.record({
      epoch: fc.integer({ min: -2, max: 9 }),
      previousEpoch: int32,
      state: fc.constantFrom<0 | 1 | 2>(0, 1, 2),
      assigned: epochs,
      revoking: epochs,
    }),
  ),
)

test('what the coordinators write is what they read', (t) => {
  fc.assert(
    fc.property(fc.oneof(offset, group, transaction, consumer), (record: CoordinatorRecord) => {
      const { key, value } = encodeRecord(record)
      t.deepEqual(decodeRecord(record.kind === 'transaction' ? 'transactions' : 'groups', key, value), record)
    }),
    { numRuns: 300 },
  )
})

test('records of kinds that this broker does not know are skipped', (t) => {
  // Version 3 of a key is a member of a KIP-848 group.
  const key = Buffer.from('000b000167', 'hex')
  t.is(decodeRecord('groups', key, null), undefined)
  t.is(decodeRecord('transactions', key, null), undefined)
  t.is(decodeRecord('groups', null, null), undefined)
})

test('groups and transactional ids live in the partition that Kafka puts them in', (t) => {
  t.is(javaHash('hello'), 99_162_322)
  t.is(javaHash('polygenelubricants'), -0x8000_0000)
  t.is(partitionOf('polygenelubricants', 50), 0)
  t.is(partitionOf('hello', 50), 22)
})

test('producer ids are handed out once, across restarts and by many at the same time', async (t) => {
  const path = join(await tempDir(t), 'producer-ids')
  const seen: number[] = []
  for (let restart = 0; restart < 3; restart++) {
    const ids = new ProducerIds(fileProducerIdStore(path), 10)
    seen.push(...(await Promise.all(Array.from({ length: 25 }, () => ids.next()))))
  }
  t.is(new Set(seen).size, 75)
  t.is(readFileSync(path, 'utf8'), '90\n')
})

test('a damaged file of producer ids is an error that names it, not a second use of ids', async (t) => {
  const path = join(await tempDir(t), 'producer-ids')
  for (const damage of ['', 'x', '-1', '1.5']) {
    writeFileSync(path, damage)
    await t.throwsAsync(new ProducerIds(fileProducerIdStore(path)).next(), { message: new RegExp(path) })
  }
})

test('a member is read as Kafka writes it: with a tagged struct that is null', (t) => {
  const key = Buffer.from('0005000167000161', 'hex')
  // Taken from the log of Apache Kafka 4.3.1.
  const value = Buffer.from('000000000872646b61666b610b2f3132372e302e302e310106285e742429000493e00001000100', 'hex')
  const record = decodeRecord('groups', key, value)
  if (record?.kind !== 'member') return t.fail(String(record?.kind))
  t.deepEqual(record.value, {
    instanceId: null,
    rackId: null,
    clientId: 'rdkafka',
    clientHost: '/127.0.0.1',
    topicNames: new Set(),
    topicRegex: '(^t$)',
    rebalanceTimeoutMs: 300_000,
    serverAssignor: null,
    classic: null,
  })
})
