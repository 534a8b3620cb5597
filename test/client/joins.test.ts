import test from 'ava'
import { Joins } from '../../core/client/joins.ts'
import type { PartitionQueue } from '../../core/client/partition-queue.ts'

const queue = (name: string): PartitionQueue => ({ topic: name }) as PartitionQueue

test('one request to a broker brings new partitions at a time; other brokers do not mind', (t) => {
  const joins = new Joins(() => undefined)
  t.true(joins.mayAsk(1))
  joins.asks(1)
  t.false(joins.mayAsk(1))
  t.true(joins.mayAsk(2))
  joins.answered(1)
  t.true(joins.mayAsk(1))
})

test('a partition has joined until the transaction is over', (t) => {
  const joins = new Joins(() => undefined)
  const [a, b] = [queue('a'), queue('b')]
  joins.add(a)
  t.true(joins.has(a))
  t.false(joins.has(b))
  joins.reset()
  t.false(joins.has(a))
})

test('positions wait for requests that are on their way, and nobody asks beside them', async (t) => {
  let woken = 0
  const joins = new Joins(() => woken++)
  const said: string[] = []
  joins.asks(1)
  joins.asks(2)
  const { promise: sent, resolve: send } = Promise.withResolvers<void>()
  const alone = joins.alone(async () => {
    said.push('positions')
    await sent
  })
  await Promise.resolve()
  t.false(joins.mayAsk(3), 'who waits goes first')
  joins.answered(1)
  await Promise.resolve()
  t.deepEqual(said, [])
  joins.answered(2)
  await new Promise(setImmediate)
  t.deepEqual(said, ['positions'])
  t.false(joins.mayAsk(1))
  send()
  await alone
  t.true(joins.mayAsk(1))
  t.is(woken, 1)
})

test('positions that fail let the others go on', async (t) => {
  const joins = new Joins(() => undefined)
  await t.throwsAsync(
    joins.alone(() => Promise.reject(new Error('no coordinator'))),
    { message: 'no coordinator' },
  )
  t.true(joins.mayAsk(1))
})
