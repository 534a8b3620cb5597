import test from 'ava'
import fc from 'fast-check'
import { ManualClock } from '../../core/base/clock.ts'
import { GroupCoordinator } from '../../core/coordinator/group-coordinator.ts'
import { TransactionCoordinator } from '../../core/coordinator/transaction-coordinator.ts'
import { EPOCH_MAX } from '../../core/coordinator/transaction-state.ts'
import { LeapingClock } from '../support/leaping-clock.ts'
import { MemoryPartitions } from '../support/memory-partitions.ts'
import { MemoryTopics } from '../support/memory-topics.ts'

const at = (partition: number) => ({ topic: 't', partition })

async function start(
  writer: MemoryPartitions,
  options: { clock?: ManualClock | LeapingClock; unsyncedLost?: boolean; firstId?: number } = {},
) {
  if (!writer.exists('t', 0)) writer.create('t', 3)
  const clock = options.clock ?? new ManualClock()
  const config = { offsetsTopicNumPartitions: 2, transactionStateLogNumPartitions: 2 }
  const groups = new GroupCoordinator({ writer, clock, topics: new MemoryTopics(), config })
  let next = options.firstId ?? 0
  const producerIdStore = { reserve: async (count: number) => (next += count) - count }
  const transactions = new TransactionCoordinator({
    writer,
    clock,
    groups,
    producerIdStore,
    config,
    unsyncedLost: options.unsyncedLost ?? false,
  })
  await groups.load()
  await transactions.load()
  await groups.prepare()
  return { groups, transactions, clock, writer }
}

const fatesOf = (writer: MemoryPartitions, partition = 0) => writer.fates('t', partition).map(({ value, fate }) => `${value} ${fate}`)
/** Lets everything that is under way come to its end. */
const settle = async (): Promise<void> => {
  for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve))
}

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

test('a transaction past its time-out is aborted, and its producer fenced', async (t) => {
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
  t.is((await transactions.end('slow', slow, true, 2)).error, 'PRODUCER_FENCED')
  t.is((await transactions.end('quick', quick, true, 2)).error, 'NONE')
})

test('a commit is not decided before its data is durable, nor answered before the decision is', async (t) => {
  const { transactions, writer } = await start(new MemoryPartitions())
  const producer = await transactions.initProducerId('tx', 60_000, null)
  transactions.verifyOrAdd('tx', producer.producerId, producer.epoch, [at(0)], true)
  writer.produce('t', 0, producer, 'x')
  writer.failFlushes = 1
  await t.throwsAsync(transactions.end('tx', producer, true, 2), { message: /COORDINATOR_NOT_AVAILABLE/ })
  t.deepEqual(fatesOf(writer), ['x open'])
  t.is((await transactions.end('tx', producer, true, 2)).error, 'NONE', 'the client may try again')
  const image = writer.restart(true)
  t.deepEqual(fatesOf(image), ['x open'], 'the marker needs no flush of its own')
  await start(image, { unsyncedLost: true })
  t.deepEqual(fatesOf(image), ['x committed'], 'because the decision is carried out on restart')
})

test('a repeated EndTxn is answered after a restart as before', async (t) => {
  const { transactions, writer } = await start(new MemoryPartitions())
  const producer = await transactions.initProducerId('tx', 60_000, null)
  transactions.verifyOrAdd('tx', producer.producerId, producer.epoch, [at(0)], true)
  writer.produce('t', 0, producer, 'x')
  const ended = await transactions.end('tx', producer, true, 2)
  const { transactions: after } = await start(writer.restart(true))
  t.deepEqual(await after.end('tx', producer, true, 2), ended)
  t.is((await after.end('tx', producer, false, 2)).error, 'INVALID_TXN_STATE')
})

test('after a kill an open transaction goes on; after a power loss it can only be aborted', async (t) => {
  const { transactions, writer } = await start(new MemoryPartitions())
  const producer = await transactions.initProducerId('tx', 60_000, null)
  transactions.verifyOrAdd('tx', producer.producerId, producer.epoch, [at(0), at(1)], true)
  writer.produce('t', 0, producer, 'x')
  const killed = writer.restart(false)
  const resumed = await start(killed)
  t.is((await resumed.transactions.end('tx', producer, true, 2)).error, 'NONE')
  t.deepEqual(fatesOf(killed), ['x committed'])

  // The data reached the disk, what the coordinator wrote before it did not.
  const cut = writer.restart(true, (topic) => (topic === 't' ? 1 : 0))
  const after = await start(cut, { unsyncedLost: true })
  t.is((await after.transactions.end('tx', producer, true, 2)).error, 'TRANSACTION_ABORTABLE')
  const aborted = await after.transactions.end('tx', producer, false, 2)
  t.is(aborted.error, 'NONE')
  t.deepEqual(fatesOf(cut), ['x aborted'])
  after.transactions.verifyOrAdd('tx', aborted.producerId, aborted.epoch, [at(0)], true)
  cut.produce('t', 0, aborted, 'y')
  t.is((await after.transactions.end('tx', aborted, true, 2)).error, 'NONE', 'and the next one is free again')
})

for (const version of [0, 2] as const) {
  test(`v${version}: a decision that is carried out again after a power loss does not touch the transaction after it`, async (t) => {
    const { transactions, writer } = await start(new MemoryPartitions())
    let producer = await transactions.initProducerId('tx', 60_000, null)
    for (const value of ['one', 'two']) {
      if (version === 0) await transactions.addPartitions('tx', producer, [at(0)])
      transactions.verifyOrAdd('tx', producer.producerId, producer.epoch, [at(0)], version === 2)
      writer.produce('t', 0, producer, value)
      if (value === 'one') producer = await transactions.end('tx', producer, true, version)
    }
    // The data of both reached the disk; of what the coordinator wrote, only what it waited for.
    const image = writer.restart(true, (topic) => (topic === 't' ? 1 : 0))
    const after = await start(image, { unsyncedLost: true })
    t.not((await after.transactions.end('tx', producer, true, version)).error, 'NONE')
    t.is((await after.transactions.end('tx', producer, false, version)).error, 'NONE')
    t.deepEqual(fatesOf(image), ['one committed', 'two aborted'])
  })
}

for (const version of [0, 2] as const) {
  test(`v${version}: markers that a power loss took are written again, although the end of the transaction was kept`, async (t) => {
    const { transactions, writer } = await start(new MemoryPartitions())
    const producer = await transactions.initProducerId('tx', 60_000, null)
    if (version === 0) await transactions.addPartitions('tx', producer, [at(0)])
    transactions.verifyOrAdd('tx', producer.producerId, producer.epoch, [at(0)], version === 2)
    writer.produce('t', 0, producer, 'one')
    t.is((await transactions.end('tx', producer, true, version)).error, 'NONE')
    await settle()
    const image = writer.restart(true, (topic) => (topic === 't' ? 0 : 1))
    await start(image, { unsyncedLost: true })
    t.deepEqual(fatesOf(image), ['one committed'])
  })

  test(`v${version}: after a power loss and a kill a transaction still cannot commit what may be lost`, async (t) => {
    const { transactions, writer } = await start(new MemoryPartitions())
    const producer = await transactions.initProducerId('tx', 60_000, null)
    if (version === 0) await transactions.addPartitions('tx', producer, [at(0)])
    transactions.verifyOrAdd('tx', producer.producerId, producer.epoch, [at(0)], version === 2)
    writer.produce('t', 0, producer, 'lost')
    const lost = writer.restart(true)
    await start(lost, { unsyncedLost: true })
    const { transactions: after } = await start(lost.restart(false))
    if (version === 0) await after.addPartitions('tx', producer, [at(1)])
    t.is(after.verifyOrAdd('tx', producer.producerId, producer.epoch, [at(1)], version === 2), 'NONE')
    t.is((await after.end('tx', producer, true, version)).error, 'TRANSACTION_ABORTABLE')
    t.is((await after.end('tx', producer, false, version)).error, 'NONE')
  })
}

test('data of a producer that nobody knows any more does not hold back readers', async (t) => {
  const writer = new MemoryPartitions()
  writer.create('t', 3)
  await start(writer)
  writer.produce('t', 1, { producerId: 77, epoch: 3 }, 'orphan')
  const image = writer.restart(false)
  await (await start(image)).transactions.prepare()
  t.deepEqual(fatesOf(image, 1), ['orphan aborted'])
})

test('a marker that a log refuses is written later; the decision stands', async (t) => {
  const { transactions, writer, clock } = await start(new MemoryPartitions())
  const producer = await transactions.initProducerId('tx', 60_000, null)
  for (const partition of [0, 1]) {
    transactions.verifyOrAdd('tx', producer.producerId, producer.epoch, [at(partition)], true)
    writer.produce('t', partition, producer, 'x')
  }
  const append = writer.appendMarker.bind(writer)
  let refuse = true
  writer.appendMarker = (topic, partition, marker) => {
    if (refuse && partition === 1) throw new Error('disk full')
    append(topic, partition, marker)
  }
  const ended = await transactions.end('tx', producer, true, 2)
  t.is(ended.error, 'NONE')
  t.deepEqual([fatesOf(writer, 0), fatesOf(writer, 1)], [['x committed'], ['x open']])
  t.is(transactions.verifyOrAdd('tx', ended.producerId, ended.epoch, [at(0)], true), 'CONCURRENT_TRANSACTIONS')
  refuse = false
  clock.advance(1000)
  t.deepEqual([fatesOf(writer, 0), fatesOf(writer, 1)], [['x committed'], ['x committed']])
  t.is(transactions.verifyOrAdd('tx', ended.producerId, ended.epoch, [at(0)], true), 'NONE')
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

const steps = fc.array(
  fc.record({
    kind: fc.constantFrom('produce', 'produce', 'produce', 'commit', 'commit', 'abort', 'init', 'late', 'pass', 'kill', 'power'),
    who: fc.nat(2),
    partition: fc.nat(2),
    ms: fc.constantFrom(10, 3000, 6000),
  }),
  { maxLength: 50 },
)

interface Instance {
  id: string
  version: 0 | 2
  producerId: number
  epoch: number
  /** Values acknowledged in the open transaction; undefined when nothing is open. */
  open: string[] | undefined
  dead: boolean
}

test('with zombies, late requests, time-outs, kills and power losses every transaction is wholly committed or wholly aborted', async (t) => {
  await fc.assert(
    fc.asyncProperty(steps, fc.constantFrom<0 | 2>(0, 2), async (script, version) => {
      let world = await start(new MemoryPartitions())
      let starts = 0
      let serial = 0
      const instances: Instance[] = []
      const current: (Instance | undefined)[] = []
      /** Sets of values that must share one fate; `committed` when the client was told so. */
      const groups: { values: string[]; fate: 'committed' | 'aborted' | 'any' }[] = []
      const close = (instance: Instance, fate: 'committed' | 'aborted' | 'any'): void => {
        if (instance.open !== undefined) groups.push({ values: instance.open, fate })
        instance.open = undefined
      }
      const end = async (instance: Instance, commit: boolean): Promise<void> => {
        const answer = await world.transactions.end(instance.id, instance, commit, version)
        if (answer.error === 'NONE') {
          close(instance, commit ? 'committed' : 'aborted')
          instance.producerId = answer.producerId
          instance.epoch = answer.epoch
        } else if (answer.error === 'TRANSACTION_ABORTABLE') await end(instance, false)
        else {
          close(instance, 'aborted')
          instance.dead = true
        }
      }
      for (const { kind, who, partition, ms } of script) {
        const instance = current[who]
        if (kind === 'init' || (instance === undefined && kind !== 'kill')) {
          const answer = await world.transactions.initProducerId(`tx${who}`, 5000, null)
          if (answer.error !== 'NONE') throw new Error(`init: ${answer.error}`)
          const fresh: Instance = {
            id: `tx${who}`,
            version,
            producerId: answer.producerId,
            epoch: answer.epoch,
            open: undefined,
            dead: false,
          }
          instances.push(fresh)
          current[who] = fresh
        } else if (kind === 'produce' || kind === 'late') {
          // Late: a zombie, or the same instance with a request that it has given up long ago.
          const writer = kind === 'late' ? instances[serial % instances.length]! : instance!
          if (writer.dead) continue
          const value = `${writer.id}/${serial++}`
          if (version === 0 && kind !== 'late') {
            const error = await world.transactions.addPartitions(writer.id, writer, [at(partition)])
            if (error !== 'NONE') {
              writer.dead = error === 'PRODUCER_FENCED'
              continue
            }
          }
          const error = world.transactions.verifyOrAdd(writer.id, writer.producerId, writer.epoch, [at(partition)], version === 2)
          if (error !== 'NONE') continue
          world.writer.produce('t', partition, writer, value)
          ;(writer.open ??= []).push(value)
        } else if (kind === 'commit' || kind === 'abort') {
          if (!instance!.dead && instance!.open !== undefined) await end(instance!, kind === 'commit')
        } else if (kind === 'pass') {
          world.clock.advance(ms)
          await settle()
        } else {
          world.groups.close()
          world.transactions.close()
          const power = kind === 'power'
          // On a real machine some of what was not flushed reaches the disk all the same.
          const image = world.writer.restart(power, (topic, index) => ((topic.length * 7 + index * 3 + serial + ms) % 4) / 3)
          world = await start(image, { clock: world.clock, unsyncedLost: power, firstId: ++starts * 1000 })
        }
      }
      for (const instance of instances) close(instance, 'any')
      world.clock.advance(6000)
      await settle()
      const fates = new Map([0, 1, 2].flatMap((partition) => world.writer.fates('t', partition)).map(({ value, fate }) => [value, fate]))
      for (const [value, fate] of fates) if (fate === 'open') throw new Error(`${value} holds back its readers for ever`)
      for (const { values, fate } of groups) {
        const seen = new Set(values.map((value) => fates.get(value) ?? 'lost'))
        if (fate === 'committed' && [...seen].some((each) => each !== 'committed'))
          throw new Error(`${values.join()} was committed, but is ${[...seen].join()}`)
        if (fate !== 'committed' && seen.has('committed')) throw new Error(`${values.join()} was not committed, but is ${[...seen].join()}`)
      }
    }),
    { numRuns: 200 },
  )
  t.pass()
})
