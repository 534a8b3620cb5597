import test from 'ava'

import { startBroker } from '../support/start-broker.ts'
import { missing } from '../support/fastavro.ts'
import { kafkaPython, runKafkaPython } from '../support/kafka-python.ts'
import { hasKcat, kcat } from '../support/kcat.ts'

/** Clients of Kafka 0.8 to 0.10: message formats 0 and 1, and no ApiVersions request. */

const MESSAGES = 5_000
const codecs = ['none', 'gzip', 'snappy', 'lz4'] as const
const fromStart = ['-C', '-e', '-q', '-o', 'beginning', '-f', '%o %k %s\n'] as const

const old = (version: string): string[] => ['-X', `broker.version.fallback=${version}`, '-X', 'api.version.request=false']
const input = Array.from({ length: MESSAGES }, (_, i) => `key-${i % 7}:value ${i} ${'x'.repeat(i % 50)}\n`).join('')
const expected = Array.from({ length: MESSAGES }, (_, i) => `${i} key-${i % 7} value ${i} ${'x'.repeat(i % 50)}\n`).join('')

for (const version of ['0.8.2', '0.9.0', '0.10.0', '0.10.2']) {
  test(`kcat as of ${version} writes and reads with every codec, and so do new clients what it wrote`, async (t) => {
    if (!hasKcat(t)) return
    const broker = await startBroker(t)
    for (const codec of codecs) {
      const topic = `old-${codec}`
      await kcat(broker.bootstrap, ['-P', '-t', topic, '-K', ':', '-z', codec, ...old(version)], { input })
      t.true((await kcat(broker.bootstrap, [...fromStart, '-t', topic, ...old(version)])) === expected, `old to old, ${codec}`)
      t.true((await kcat(broker.bootstrap, [...fromStart, '-t', topic])) === expected, `old to new, ${codec}`)
      const modern = `new-${codec}`
      await kcat(broker.bootstrap, ['-P', '-t', modern, '-K', ':', '-z', codec, '-H', 'a=b'], { input })
      t.true((await kcat(broker.bootstrap, [...fromStart, '-t', modern, ...old(version)])) === expected, `new to old, ${codec}`)
    }
    const middle = await kcat(broker.bootstrap, ['-C', '-e', '-q', '-o', '1234', '-f', '%o %s\n', '-t', 'new-gzip', ...old(version)])
    t.is(middle.split('\n')[0], `1234 value 1234 ${'x'.repeat(1_234 % 50)}`)
    t.is(middle.split('\n').length, MESSAGES - 1_234 + 1)
  })
}

test('kcat as of 0.10 keeps the timestamps of records, as of 0.9 it has none', async (t) => {
  if (!hasKcat(t)) return
  const broker = await startBroker(t)
  const before = Date.now()
  await kcat(broker.bootstrap, ['-P', '-t', 'a', ...old('0.10.0')], { input: 'one\n' })
  await kcat(broker.bootstrap, ['-P', '-t', 'a', ...old('0.9.0')], { input: 'two\n' })
  const read = async (...args: string[]): Promise<string[]> =>
    (await kcat(broker.bootstrap, ['-C', '-e', '-q', '-o', 'beginning', '-f', '%T\n', ...args])).trim().split('\n')
  const modern = await read('-t', 'a')
  t.true(Number(modern[0]) >= before && Number(modern[0]) <= Date.now())
  t.is(modern[1], '-1')
  t.deepEqual(await read('-t', 'a', ...old('0.10.0')), modern)
  t.deepEqual(await read('-t', 'a', ...old('0.8.2')), ['0', '0'])
})

test('groups of kcat as of 0.9 share a topic, commit, and go on where they were', async (t) => {
  if (!hasKcat(t)) return
  const broker = await startBroker(t, { config: { numPartitions: 2 } })
  const group = ['-G', 'g', '-e', '-q', '-f', '%s\n', '-X', 'auto.offset.reset=earliest', ...old('0.9.0'), 'shared']
  const lines = (from: number, to: number): string => Array.from({ length: to - from }, (_, i) => `${from + i}\n`).join('')
  const sorted = (text: string): number[] =>
    text
      .trim()
      .split('\n')
      .map(Number)
      .sort((a, b) => a - b)
  await kcat(broker.bootstrap, ['-P', '-t', 'shared', ...old('0.9.0')], { input: lines(0, 1000) })
  t.deepEqual(sorted(await kcat(broker.bootstrap, group)), sorted(lines(0, 1000)))
  await kcat(broker.bootstrap, ['-P', '-t', 'shared'], { input: lines(1000, 1500) })
  t.deepEqual(sorted(await kcat(broker.bootstrap, group)), sorted(lines(1000, 1500)))
})

for (const version of ['0.8.1', '0.8.2', '0.9', '0.10']) {
  test.serial(`kafka-python as of ${version} writes, reads and commits`, async (t) => {
    let python: string
    try {
      python = await kafkaPython()
    } catch (error) {
      return missing(t, 'kafka-python', error)
    }
    const broker = await startBroker(t)
    const count = 300
    // The client itself refuses lz4 before 0.8.2.
    for (const codec of version === '0.8.1' ? codecs.slice(0, 3) : codecs) {
      await kcat(broker.bootstrap, ['-L', '-t', codec])
      const group = codec === 'none'
      const { offsets, seen, committed } = await runKafkaPython(python, broker.bootstrap, { version, topic: codec, codec, count, group })
      t.deepEqual(offsets, [...offsets.keys()], codec)
      t.deepEqual(
        seen.map(([offset, key, value]) => `${offset} ${key} ${value}`),
        Array.from({ length: count }, (_, i) => `${i} k${i} value ${i}`),
        codec,
      )
      if (group) t.is(committed, count)
    }
  })
}
