import test from 'ava'

import { EPOCH_MAX } from '../../core/coordinator/transaction-state.ts'
import { LeapingClock } from '../support/leaping-clock.ts'
import { MemoryPartitions } from '../support/memory-partitions.ts'
import { at, fatesOf, settle, start } from '../support/transaction-world.ts'

for (const version of [0, 2] as const) {
  test(`v${version}: a transaction is committed or aborted in all its partitions, and the epoch rises with v2 only`, async (t) => {
    const { transactions, writer } = await start(new MemoryPartitions())
    let producer = await transactions.initProducerId('tx', 60_000, null)
    const begin = producer.epoch
    for (const commit of [true, false, true]) {
      if (version === 0) t.is(await transactions.addPartitions('tx', producer, [at(0), at(1)]), 'NONE')
      for (const partition of [0, 1]) {
        t.is(transactions.verifyOrAdd('tx', producer.producerId, producer.epoch, [at(partition)], version === 2), 'NONE')
        writer.produce('t', partition, producer, String(commit))
      }
      const ended = await transactions.end('tx', producer, commit, version)
      t.is(ended.error, 'NONE')
      const again = await transactions.end('tx', producer, commit, version)
      t.deepEqual(again, ended, 'a repeated request gets the same answer')
      producer = ended
    }
    t.is(producer.epoch, begin + (version === 2 ? 3 : 0))
    for (const partition of [0, 1]) t.deepEqual(fatesOf(writer, partition), ['true committed', 'false aborted', 'true committed'])
  })
}

test('a late EndTxn of the previous transaction cannot end the next one (KIP-890)', async (t) => {
  const { transactions, writer } = await start(new MemoryPartitions())
  const first = await transactions.initProducerId('tx', 60_000, null)
  transactions.verifyOrAdd('tx', first.producerId, first.epoch, [at(0)], true)
  writer.produce('t', 0, first, 'one')
  const second = await transactions.end('tx', first, true, 2)
  transactions.verifyOrAdd('tx', second.producerId, second.epoch, [at(0)], true)
  writer.produce('t', 0, second, 'two')
  t.is((await transactions.end('tx', first, true, 2)).error, 'PRODUCER_FENCED')
  t.is(transactions.verifyOrAdd('tx', first.producerId, first.epoch, [at(1)], true), 'INVALID_PRODUCER_EPOCH', 'neither can a late Produce')
  t.deepEqual(fatesOf(writer), ['one committed', 'two open'])
  t.is((await transactions.end('tx', second, false, 2)).error, 'NONE')
  t.deepEqual(fatesOf(writer), ['one committed', 'two aborted'])
})

test('a produce of transactions v1 needs its partition to be added first', async (t) => {
  const { transactions } = await start(new MemoryPartitions())
  const producer = await transactions.initProducerId('tx', 60_000, null)
  const verify = (partition: number) => transactions.verifyOrAdd('tx', producer.producerId, producer.epoch, [at(partition)], false)
  t.is(verify(0), 'TRANSACTION_ABORTABLE')
  await transactions.addPartitions('tx', producer, [at(0)])
  t.deepEqual([verify(0), verify(1)], ['NONE', 'TRANSACTION_ABORTABLE'])
  await transactions.end('tx', producer, true, 0)
  t.is(verify(0), 'TRANSACTION_ABORTABLE')
  t.is(transactions.verifyOrAdd('nobody', 1, 0, [at(0)], true), 'INVALID_PRODUCER_ID_MAPPING')
})

test('a request of transactions v1 that comes over a connection its client has left is late, and does nothing', async (t) => {
  const { transactions, writer } = await start(new MemoryPartitions())
  const producer = await transactions.initProducerId('tx', 60_000, null)
  const over = (connection: number, client = 'c/127.0.0.1') => ({ client, connection })
  const produce = (value: string) => {
    t.is(transactions.verifyOrAdd('tx', producer.producerId, producer.epoch, [at(0)], false), 'NONE')
    writer.produce('t', 0, producer, value)
  }
  t.is(await transactions.addPartitions('tx', producer, [at(0)], over(1)), 'NONE')
  produce('one')
  // The EndTxn over connection 1 is on its way; its client gives it up and asks again.
  t.is((await transactions.end('tx', producer, true, 0, over(2))).error, 'NONE')
  t.is(await transactions.addPartitions('tx', producer, [at(0)], over(2)), 'NONE')
  produce('two')
  t.is((await transactions.end('tx', producer, true, 0, over(1))).error, 'NOT_COORDINATOR')
  t.is(await transactions.addPartitions('tx', producer, [at(1)], over(1)), 'NOT_COORDINATOR')
  t.true(transactions.isLate('tx', producer, 'transaction', over(1)))
  t.false(transactions.isLate('tx', producer, 'offsets', over(1)), 'the coordinator of the group may be asked over a connection of its own')
  t.deepEqual(fatesOf(writer), ['one committed', 'two open'])
  t.is((await transactions.end('tx', producer, false, 0, over(3))).error, 'NONE')
  t.deepEqual(fatesOf(writer), ['one committed', 'two aborted'])
  t.is(
    await transactions.addPartitions('tx', producer, [at(0)], over(1, 'other/127.0.0.1')),
    'NONE',
    'another client has its own connections',
  )
  t.is((await transactions.end('tx', { ...producer, epoch: -1 }, true, 0, over(0))).error, 'PRODUCER_FENCED', 'the reason comes first')
  const heir = await transactions.initProducerId('tx', 60_000, null)
  t.is(await transactions.addPartitions('tx', heir, [at(0)], over(0)), 'NONE', 'an heir begins anew')
})

test('a new instance aborts what the old one left open and fences it', async (t) => {
  const { transactions, writer } = await start(new MemoryPartitions())
  const old = await transactions.initProducerId('tx', 60_000, null)
  transactions.verifyOrAdd('tx', old.producerId, old.epoch, [at(0)], true)
  writer.produce('t', 0, old, 'left behind')
  const fresh = await transactions.initProducerId('tx', 60_000, null)
  t.is(fresh.error, 'NONE')
  t.is(fresh.producerId, old.producerId)
  t.true(fresh.epoch > old.epoch)
  t.deepEqual(fatesOf(writer), ['left behind aborted'])
  t.is((await transactions.end('tx', old, true, 2)).error, 'PRODUCER_FENCED')
  t.is((await transactions.end('tx', old, true, 0)).error, 'PRODUCER_FENCED')
  t.is(await transactions.addPartitions('tx', old, [at(0)]), 'PRODUCER_FENCED')
  t.throws(() => writer.produce('t', 0, old, 'zombie'))
})

test('an instance that asks for a higher epoch of its own gets it, also when it asks twice (KIP-360)', async (t) => {
  const { transactions } = await start(new MemoryPartitions())
  const first = await transactions.initProducerId('tx', 60_000, null)
  const second = await transactions.initProducerId('tx', 60_000, first)
  t.is(second.epoch, first.epoch + 1)
  t.deepEqual(await transactions.initProducerId('tx', 60_000, first), second, 'the answer was lost')
  const other = await transactions.initProducerId('tx', 60_000, null)
  t.is((await transactions.initProducerId('tx', 60_000, second)).error, 'PRODUCER_FENCED')
  transactions.verifyOrAdd('tx', other.producerId, other.epoch, [at(0)], true)
  t.is((await transactions.initProducerId('tx', 60_000, { ...other, epoch: 0 })).error, 'PRODUCER_FENCED')
  t.true((await transactions.initProducerId('tx', 60_000, other)).epoch > other.epoch, 'its open transaction is aborted first')
})

test('time-outs outside the limits are refused, and so is an empty transactional id', async (t) => {
  const { transactions } = await start(new MemoryPartitions())
  const error = async (id: string, ms: number) => (await transactions.initProducerId(id, ms, null)).error
  t.deepEqual(
    [await error('a', 0), await error('a', 15 * 60_000 + 1), await error('', 1), await error('a', 15 * 60_000)],
    ['INVALID_TRANSACTION_TIMEOUT', 'INVALID_TRANSACTION_TIMEOUT', 'INVALID_REQUEST', 'NONE'],
  )
  const nobody = { producerId: 0, epoch: 0 }
  t.is(await transactions.addPartitions('', nobody, [at(0)]), 'INVALID_REQUEST')
  t.is((await transactions.end('', nobody, true, 2)).error, 'INVALID_REQUEST')
})

test('a transaction past its time-out is aborted; its producer is refused until it aborts, and goes on with transactions v2 only', async (t) => {
  const { transactions, writer, clock } = await start(new MemoryPartitions())
  const slow = await transactions.initProducerId('slow', 5000, null)
  const quick = await transactions.initProducerId('quick', 60_000, null)
  for (const [id, producer] of [
    ['slow', slow],
    ['quick', quick],
  ] as const) {
    transactions.verifyOrAdd(id, producer.producerId, producer.epoch, [at(0)], true)
    writer.produce('t', 0, producer, id)
  }
  clock.advance(4999)
  await settle()
  t.deepEqual(fatesOf(writer), ['slow open', 'quick open'])
  clock.advance(1)
  await settle()
  t.deepEqual(fatesOf(writer), ['slow aborted', 'quick open'])
  t.is(transactions.verifyOrAdd('slow', slow.producerId, slow.epoch, [at(0)], true), 'INVALID_PRODUCER_EPOCH')
  t.is((await transactions.end('slow', slow, false, 0)).error, 'PRODUCER_FENCED')
  t.is((await transactions.end('slow', slow, true, 2)).error, 'INVALID_TXN_STATE')
  const goesOn = await transactions.end('slow', slow, false, 2)
  t.deepEqual(goesOn, { error: 'NONE', producerId: slow.producerId, epoch: slow.epoch + 1 })
  t.is(transactions.verifyOrAdd('slow', goesOn.producerId, goesOn.epoch, [at(0)], true), 'NONE')
  writer.produce('t', 0, goesOn, 'slow again')
  t.is((await transactions.end('slow', slow, false, 2)).error, 'PRODUCER_FENCED', 'its late repetition cannot end what came after')
  t.is((await transactions.end('slow', goesOn, true, 2)).error, 'NONE')
  t.deepEqual(fatesOf(writer), ['slow aborted', 'quick open', 'slow again committed'])
  await transactions.initProducerId('slow', 5000, null)
  t.is((await transactions.end('slow', goesOn, false, 2)).error, 'PRODUCER_FENCED', 'nor can it go on when an heir is there')
  t.is((await transactions.end('quick', quick, true, 2)).error, 'NONE')
})

test('when the epochs of a producer id run out it gets a new id, in the answer of EndTxn or InitProducerId', async (t) => {
  const { transactions, writer } = await start(new MemoryPartitions())
  let producer = await transactions.initProducerId('tx', 60_000, null)
  const { producerId } = producer
  // 32766 rounds would take a while: the state is what a client sees, so it may be put near the end.
  const state = transactions.describe('tx') as { epoch: number }
  state.epoch = EPOCH_MAX - 2
  producer = { ...producer, epoch: EPOCH_MAX - 2 }
  for (const value of ['last but one', 'last', 'first']) {
    t.is(transactions.verifyOrAdd('tx', producer.producerId, producer.epoch, [at(0)], true), 'NONE')
    writer.produce('t', 0, producer, value)
    const ended = await transactions.end('tx', producer, true, 2)
    t.deepEqual(await transactions.end('tx', producer, true, 2), ended, 'repeated')
    producer = ended
  }
  t.not(producer.producerId, producerId)
  t.is(producer.epoch, 1)
  t.deepEqual(fatesOf(writer), ['last but one committed', 'last committed', 'first committed'])
  ;(transactions.describe('tx') as { epoch: number }).epoch = EPOCH_MAX - 1
  const fresh = await transactions.initProducerId('tx', 60_000, null)
  t.is(fresh.epoch, 0)
  t.not(fresh.producerId, producer.producerId)
})

test('a transaction at the last epoch is timed out: its producer cannot go on at an epoch that no bump may follow', async (t) => {
  const { transactions, writer, clock } = await start(new MemoryPartitions())
  const first = await transactions.initProducerId('tx', 5000, null)
  ;(transactions.describe('tx') as { epoch: number }).epoch = EPOCH_MAX - 1
  const last = { ...first, epoch: EPOCH_MAX - 1 }
  t.is(transactions.verifyOrAdd('tx', last.producerId, last.epoch, [at(0)], true), 'NONE')
  writer.produce('t', 0, last, 'last')
  clock.advance(5000)
  await settle()
  t.deepEqual(fatesOf(writer), ['last aborted'])
  t.is((await transactions.end('tx', last, false, 2)).error, 'PRODUCER_FENCED')
  const heir = await transactions.initProducerId('tx', 5000, null)
  t.deepEqual([heir.error, heir.epoch], ['NONE', 0])
  t.not(heir.producerId, first.producerId)
})

test('transactional ids that nobody uses are forgotten after transactional.id.expiration.ms', async (t) => {
  const { transactions, writer, clock } = await start(new MemoryPartitions())
  await transactions.initProducerId('tx', 60_000, null)
  clock.advance(7 * 24 * 3_600_000 + 3_600_000)
  t.deepEqual(transactions.list(), [])
  t.deepEqual((await start(writer.restart(false))).transactions.list(), [])
})

test('a leap of the wall clock makes no transactional id old before it has lasted for an hour', async (t) => {
  const clock = new LeapingClock()
  const { transactions } = await start(new MemoryPartitions(), { clock })
  await transactions.initProducerId('tx', 60_000, null)
  clock.leap(30 * 24 * 3_600_000)
  clock.advance(3_600_000)
  t.is(transactions.list().length, 1)
  clock.leap(-30 * 24 * 3_600_000)
  clock.advance(3_600_000)
  t.is(transactions.list().length, 1)
  clock.leap(30 * 24 * 3_600_000)
  clock.advance(2 * 3_600_000)
  t.is(transactions.list().length, 0)
})
