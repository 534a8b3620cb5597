import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import test from 'ava'

import { Broker } from '../../core/broker/broker.ts'
import { digest, hasKcat, kcat } from '../support/kcat.ts'
import { startBroker, tempDir } from '../support/start-broker.ts'

const lines = (from: number, to: number): string => {
  const text: string[] = []
  for (let i = from; i < to; i++) text.push(`line ${i} of a text with umlauts äöü and a tail ${(i * 2_654_435_761) % 1_000_003}\n`)
  return text.join('')
}

const fromStart = ['-C', '-e', '-q', '-o', 'beginning'] as const

test('kcat lists the broker, its topics and their partitions', async (t) => {
  if (!hasKcat(t)) return
  const broker = await startBroker(t, { config: { numPartitions: 3 } })
  await kcat(broker.bootstrap, ['-P', '-t', 'greetings'], { input: 'hello\n' })
  const listed = JSON.parse(await kcat(broker.bootstrap, ['-L', '-J'])) as {
    brokers: { id: number; name: string }[]
    topics: { topic: string; partitions: { partition: number; leader: number }[] }[]
  }
  t.deepEqual(listed.brokers, [{ id: 1, name: broker.bootstrap }])
  t.is(listed.topics[0]!.topic, 'greetings')
  t.deepEqual(
    listed.topics[0]!.partitions.map(({ partition, leader }) => [partition, leader]),
    [
      [0, 1],
      [1, 1],
      [2, 1],
    ],
  )
})

test('a million lines come back byte for byte, over a restart in the middle', async (t) => {
  if (!hasKcat(t)) return
  const dir = await tempDir(t)
  const [all, first, second, back] = ['all', 'first', 'second', 'back'].map((name) => join(dir, name)) as [string, string, string, string]
  await writeFile(first, lines(0, 500_000))
  await writeFile(second, lines(500_000, 1_000_000))
  await writeFile(all, lines(0, 1_000_000))
  const data = join(dir, 'data')
  const before = await Broker.start({ dir: data })
  await kcat(before.bootstrap, ['-P', '-t', 'million', '-l', first])
  await before.close()
  const broker = await startBroker(t, { dir: data, port: before.port! })
  await kcat(broker.bootstrap, ['-P', '-t', 'million', '-l', second])
  await kcat(broker.bootstrap, [...fromStart, '-t', 'million'], { output: back })
  t.is(await digest(back), await digest(all))
})

for (const codec of ['gzip', 'snappy', 'lz4', 'zstd']) {
  test(`lines compressed with ${codec} come back byte for byte`, async (t) => {
    if (!hasKcat(t)) return
    const broker = await startBroker(t)
    const input = lines(0, 20_000)
    await kcat(broker.bootstrap, ['-P', '-t', codec, '-z', codec], { input })
    t.is(await kcat(broker.bootstrap, [...fromStart, '-t', codec]), input)
  })
}

for (const setting of ['acks=0', 'acks=1', 'enable.idempotence=true']) {
  test(`lines produced with ${setting} come back in order`, async (t) => {
    if (!hasKcat(t)) return
    const broker = await startBroker(t, { config: { durability: 'disk' } })
    const input = lines(0, 20_000)
    await kcat(broker.bootstrap, ['-P', '-t', 'a', '-X', setting], { input })
    t.is(await kcat(broker.bootstrap, [...fromStart, '-t', 'a']), input)
  })
}

test('keys, headers, offsets, timestamps and tombstones come back', async (t) => {
  if (!hasKcat(t)) return
  const broker = await startBroker(t)
  await kcat(broker.bootstrap, ['-P', '-t', 'a', '-K', ':', '-Z', '-H', 'color=blue'], { input: 'k1:v1\nk2:\n' })
  t.is(await kcat(broker.bootstrap, [...fromStart, '-t', 'a', '-f', '%o %k %S %h\n']), '0 k1 2 color=blue\n1 k2 -1 color=blue\n')
  t.regex(await kcat(broker.bootstrap, ['-Q', '-t', 'a:0:-1']), /offset 2/)
  t.regex(await kcat(broker.bootstrap, ['-Q', '-t', `a:0:${Date.now() - 60_000}`]), /offset 0/)
})

test('a consumer group of kcat reads everything once and goes on where it stopped', async (t) => {
  if (!hasKcat(t)) return
  const broker = await startBroker(t, { config: { numPartitions: 3 } })
  const read = (): Promise<string> =>
    kcat(broker.bootstrap, ['-G', 'readers', '-e', '-q', '-X', 'auto.offset.reset=earliest', '-X', 'session.timeout.ms=6000', 'a'])
  for (const [from, to] of [
    [0, 100],
    [100, 150],
  ] as const) {
    const input = lines(from, to)
    await kcat(broker.bootstrap, ['-P', '-t', 'a', '-X', 'partitioner=random'], { input })
    t.deepEqual((await read()).split('\n').toSorted(), input.split('\n').toSorted())
  }
})

test('a transaction of kcat is read by those who read committed records', async (t) => {
  if (!hasKcat(t)) return
  const broker = await startBroker(t)
  const input = lines(0, 1000)
  await kcat(broker.bootstrap, ['-P', '-t', 'a', '-X', 'transactional.id=kcat'], { input })
  t.is(await kcat(broker.bootstrap, [...fromStart, '-t', 'a', '-X', 'isolation.level=read_committed']), input)
})
