import { join } from 'node:path'

import test, { type ExecutionContext } from 'ava'

import { connect } from '../../core/index.ts'
import { kafkaJars } from '../support/kafka-jars.ts'
import { runCommand } from '../support/run-command.ts'
import { startBroker } from '../support/start-broker.ts'
import { missing } from '../support/missing.ts'
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

/** Runs a program of test/support with Kafka's own clients of back then; undefined, with a line that says why, where they cannot be had. */
async function java(t: ExecutionContext, [artifact, version]: [string, string], program: string, args: string[]) {
  let jars: string
  try {
    jars = await kafkaJars(artifact, version)
  } catch (error) {
    missing(t, `${artifact} ${version}`, error)
    return undefined
  }
  const source = join(import.meta.dirname, `../support/${program}.java`)
  const { code, stdout, stderr } = await runCommand('java', [
    '-Xmx256m',
    '-XX:TieredStopAtLevel=1',
    '-cp',
    join(jars, '*'),
    source,
    ...args,
  ])
  if (code !== 0) throw new Error(`${program} ${args.join(' ')}: ${stdout.slice(-500)} ${stderr.slice(-3000)}`)
  return stdout.trim().split('\n')
}

test.serial(
  'the Scala clients of Kafka 0.8.2.2 write with every codec, look up the ends, read, and keep offsets in both places',
  async (t) => {
    const broker = await startBroker(t)
    const [host, port] = broker.bootstrap.split(':') as [string, string]
    const count = 60
    for (const codec of codecs) {
      const lines = await java(t, ['kafka_2.11', '0.8.2.2'], 'OldScala', [host, port, codec, codec, String(count)])
      if (lines === undefined) return
      t.deepEqual(
        lines,
        [
          `leader ${port} error 0`,
          'ends [0]',
          `ends [${count}, 0]`,
          ...Array.from({ length: count }, (_, i) => `${i} ${i % 3 === 0 ? 'null' : `k${i}`} value ${i}`),
          `commit 0 then ${count} v0 0`,
          `commit 0 then ${count - 1} v1 0`,
        ],
        codec,
      )
    }
    const modern = await kcat(broker.bootstrap, ['-C', '-e', '-q', '-o', 'beginning', '-f', '%o %k %s\n', '-t', 'lz4'])
    t.is(modern, Array.from({ length: count }, (_, i) => `${i} ${i % 3 === 0 ? '' : `k${i}`} value ${i}\n`).join(''))
  },
)

test.serial(
  'the Scala clients of Kafka 0.8.2.2 read what transactions of today leave, committed or not, without their markers',
  async (t) => {
    const broker = await startBroker(t)
    const [host, port] = broker.bootstrap.split(':') as [string, string]
    const client = await connect(broker)
    t.teardown(() => client.close())
    const producer = client.producer({ transactionalId: 'tx' })
    for (let i = 0; i < 6; i++) {
      producer.begin()
      for (const n of [0, 1]) {
        await producer.send({
          topic: 'tx',
          partition: 0,
          value: Buffer.from(`${i}.${n}`),
          headers: [{ key: 'h', value: Buffer.from('x') }],
        })
      }
      await (i % 2 === 0 ? producer.commit() : producer.abort())
    }
    const lines = await java(t, ['kafka_2.11', '0.8.2.2'], 'OldScala', [host, port, 'tx', 'none', '0'])
    if (lines === undefined) return
    const expected = Array.from({ length: 6 }, (_, i) => [`${3 * i} null ${i}.0`, `${3 * i + 1} null ${i}.1`]).flat()
    t.deepEqual(
      lines.filter((line) => line.includes('null')),
      expected,
    )
  },
)

for (const version of ['0.9.0.1', '0.10.2.2']) {
  test.serial(`the Java clients of Kafka ${version} write with every codec, read as a group, and go on where they were`, async (t) => {
    const broker = await startBroker(t)
    const count = 60
    for (const codec of codecs) {
      const lines = await java(t, ['kafka-clients', version], 'OldConsumer', [broker.bootstrap, codec, codec, String(count)])
      if (lines === undefined) return
      const records = Array.from(
        { length: count },
        (_, i) => `${i} ${i % 3 === 0 ? 'null' : `k${i}`} ${i % 5 === 1 ? 'null' : `value ${i}`}`,
      )
      const expected = [...records.slice(0, count / 2), `committed ${count / 2}`, ...records.slice(count / 2), `committed ${count}`]
      t.deepEqual(lines, expected, codec)
    }
  })
}
