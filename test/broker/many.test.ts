import test from 'ava'
import { descriptorBudget } from '../../core/broker/descriptors.ts'
import { Gate } from '../../core/base/gate.ts'
import { Backlog } from '../../core/net/backlog.ts'
import { halfOpen } from '../support/half-open.ts'
import { notAllowed } from '../support/missing.ts'
import { fewDescriptors, manyConnections, manyPartitions, slowReaders } from '../support/many-scenarios.ts'
import { tempDir } from '../support/start-broker.ts'

const MIB = 1024 * 1024

/** The long versions are in test/soak/many.ts. */

test('partitions cost no descriptor before they are used, after a clean stop and after kill -9', async (t) => {
  t.pass()
  t.log(await manyPartitions(await tempDir(t), 300))
})

test('idle connections are answered, are closed after connections.max.idle.ms, and leave nothing behind', async (t) => {
  t.pass()
  t.log(await manyConnections(await tempDir(t), 300, 2500))
})

test('with few descriptors a storm of connections is refused, and partitions are written and read meanwhile', async (t) => {
  t.pass()
  t.log(await fewDescriptors(await tempDir(t), 160, 250, 400))
})

test('clients that ask for gigabytes and read nothing cost a bounded amount of memory', async (t) => {
  // Without a bound: 60 connections, each with 50 answers of 50 MiB.
  t.pass()
  t.log(await slowReaders(await tempDir(t), 60, 50, 256 * MIB))
})

test('clients that vanish without a word lose their connections and their places in groups', async (t) => {
  const dir = await tempDir(t)
  const measured = await halfOpen({ t, dir, connections: 60, members: 3, idleMs: 6000, sessionMs: 3000 })
  if (typeof measured === 'string') return notAllowed(t, 'a network to cut', measured)
  t.log(measured)
  t.pass()
})

test('open files are shared out so that neither connections nor segments go without', (t) => {
  t.deepEqual(descriptorBudget(20_064, 10_000), { limit: 20_064, connections: 10_000, files: 10_000 })
  t.deepEqual(descriptorBudget(1024, 10_000), { limit: 1024, connections: 720, files: 240 })
  t.deepEqual(descriptorBudget(1024, 0), { limit: 1024, connections: 0, files: 960 })
  for (let limit = 1; limit < 300; limit++) {
    const { connections, files } = descriptorBudget(limit, 10_000)
    t.true(connections >= 1 && files >= 1)
    if (limit > 66) t.true(connections + files <= limit - 64)
  }
})

test('a gate lets no more through than it is wide, in the order of their coming', async (t) => {
  const gate = new Gate(3)
  let inside = 0
  let most = 0
  const order: number[] = []
  const pass = async (i: number): Promise<void> => {
    order.push(i)
    most = Math.max(most, ++inside)
    await new Promise((resolve) => setImmediate(resolve))
    inside--
    if (i % 5 === 0) throw new Error('passes on all the same')
  }
  await Promise.allSettled(Array.from({ length: 20 }, (_, i) => gate.pass(() => pass(i))))
  t.is(most, 3)
  t.deepEqual(
    order,
    Array.from({ length: 20 }, (_, i) => i),
  )
})

test('pieces get smaller as the backlog grows, and all of them together stay near its bound', (t) => {
  const backlog = new Backlog(8 * MIB)
  let full = 0
  backlog.onFull = () => full++
  t.is(backlog.pieceBytes, MIB)
  for (let i = 0; i < 40; i++) backlog.add(backlog.pieceBytes)
  t.true(backlog.bytes <= 8 * MIB + MIB)
  t.is(backlog.pieceBytes, 64 * 1024)
  backlog.add(-backlog.bytes)
  t.is(backlog.bytes, 0)
  backlog.add(9 * MIB)
  t.true(full > 0)
  t.true(backlog.isFull)
})

test('when the backlog is over its bound, those who wait for room get it one after the other, as it comes', async (t) => {
  const backlog = new Backlog(8 * MIB)
  const turns = async (): Promise<void> => {
    for (let i = 0; i < 6; i++) await new Promise((resolve) => setImmediate(resolve))
  }
  backlog.add(11 * MIB)
  t.false(backlog.isOver)
  backlog.add(2 * MIB)
  t.true(backlog.isOver)
  const served: number[] = []
  for (let i = 0; i < 4; i++) {
    void backlog.room().then(() => {
      served.push(i)
      // Half of them read nothing.
      if (i % 2 === 0) backlog.add(2 * MIB)
    })
  }
  await turns()
  t.deepEqual(served, [])
  backlog.add(-2 * MIB)
  await turns()
  t.deepEqual(served, [0], 'what the first one left behind fills it again')
  backlog.add(-2 * MIB)
  await turns()
  t.deepEqual(served, [0, 1, 2])
  backlog.add(-13 * MIB)
  await turns()
  t.deepEqual(served, [0, 1, 2, 3])
})
