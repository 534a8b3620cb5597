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
  value: fc.option(fc.record({ offset: id, leaderEpoch: fc.integer({ min: -1, max: 100 }), metadata: text, commitTimestamp: id }), {
    nil: null,
  }),
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

test('what the coordinators write is what they read', (t) => {
  fc.assert(
    fc.property(fc.oneof(offset, group, transaction), (record: CoordinatorRecord) => {
      const { key, value } = encodeRecord(record)
      t.deepEqual(decodeRecord(record.kind === 'transaction' ? 'transactions' : 'groups', key, value), record)
    }),
    { numRuns: 300 },
  )
})

test('records of kinds that this broker does not know are skipped', (t) => {
  // Version 3 of a key is a member of a KIP-848 group.
  const key = Buffer.from('0003000167', 'hex')
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
