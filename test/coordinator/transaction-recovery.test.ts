import test from 'ava'
import fc from 'fast-check'

import { TRANSACTIONS_TOPIC } from '../../core/coordinator/coordinator-log.ts'
import { MemoryPartitions } from '../support/memory-partitions.ts'
import { at, fatesOf, settle, start } from '../support/transaction-world.ts'

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

/** A transaction with an `x` in each of two partitions. */
async function openInTwo() {
  const world = await start(new MemoryPartitions())
  const producer = await world.transactions.initProducerId('tx', 60_000, null)
  for (const partition of [0, 1]) {
    world.transactions.verifyOrAdd('tx', producer.producerId, producer.epoch, [at(partition)], true)
    world.writer.produce('t', partition, producer, 'x')
  }
  return { ...world, producer }
}

test('a marker that a log refuses is written later; the decision stands', async (t) => {
  const { transactions, writer, clock, producer } = await openInTwo()
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

test('a decision that the disk has lost before it was durable is not carried out', async (t) => {
  const { transactions, writer, clock, producer } = await openInTwo()
  const flush = writer.flush.bind(writer)
  writer.flush = async (topic, partition) => {
    if (topic === TRANSACTIONS_TOPIC) throw new Error('the disk fails')
    await flush(topic, partition)
  }
  await t.throwsAsync(transactions.end('tx', producer, true, 2), { message: /COORDINATOR_NOT_AVAILABLE/ })
  writer.flush = flush
  const lost = writer.lose(TRANSACTIONS_TOPIC)
  t.is(lost.length, 1)
  for (const partition of lost) transactions.recordsLost(TRANSACTIONS_TOPIC, partition)
  clock.advance(1000)
  await settle()
  const fates = [...fatesOf(writer, 0), ...fatesOf(writer, 1)]
  t.false(fates.includes('x committed'), `nobody knows of the commit any more: ${fates.join(', ')}`)
  const image = writer.restart(true)
  await start(image, { unsyncedLost: true })
  t.deepEqual(fatesOf(image, 0), fatesOf(image, 1))
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
