import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

import test from 'ava'

import { connect } from '../../core/index.ts'
import { sharedBroker, uniqueName } from '../support/client-kit.ts'
import { moldau, moldauArgs, type Finished, type RunOptions } from '../support/run-command.ts'

/** The commands that talk to a cluster, each as a process of its own. */
const broker = sharedBroker(test)

const env = () => ({ ...process.env, MOLDAU_BOOTSTRAP: broker().bootstrap })
const run = (args: readonly string[], options: RunOptions = {}): Promise<Finished> => moldau(args, { env: env(), ...options })

/** Standard output of a command that must end well. */
async function output(args: readonly string[], input?: string | Buffer): Promise<string> {
  const done = await run(args, input === undefined ? {} : { input })
  if (done.code !== 0) throw new Error(`moldau ${args.join(' ')} ended with ${done.code ?? done.signal}: ${done.stderr}`)
  return done.stdout
}

/** Standard error of a command that must end with 1: one line for people, no stack. */
async function refusal(args: readonly string[], input?: string | Buffer): Promise<string> {
  const done = await run(args, input === undefined ? {} : { input })
  if (done.code !== 1) throw new Error(`moldau ${args.join(' ')} ended with ${done.code ?? done.signal}: ${done.stdout}`)
  if (/^ {4}at /m.test(done.stderr)) throw new Error(`moldau ${args.join(' ')} prints a stack: ${done.stderr}`)
  return done.stderr
}

const documents = (text: string): unknown[] =>
  text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as unknown)

test('a topic is created, listed, described and deleted, for people and as one JSON document a line', async (t) => {
  const topic = uniqueName('orders')
  t.is(await output(['topics', '--create', topic, '--partitions', '3', '-c', 'retention.ms=-1']), `created topic ${topic}\n`)
  t.regex(await refusal(['topics', '--create', topic]), new RegExp(`topic '${topic}' exists already.*topics --describe ${topic}`))
  const [people, list, described] = await Promise.all([
    output(['topics', '--describe', topic]),
    output(['topics', '--json']),
    output(['topics', '--describe', topic, '--json']),
  ])
  t.regex(people, /^partition +leader +log start +high watermark\n0 +1 +0 +0\n1 .*\n2 .*\nretention\.ms=-1\n$/)
  t.deepEqual(
    documents(list).find((row) => (row as { topic: string }).topic === topic),
    { topic, partitions: 3, records: 0 },
  )
  const [document, ...others] = documents(described) as { partitions: unknown[]; configs: unknown }[]
  t.deepEqual(others, [])
  t.is(document!.partitions.length, 3)
  t.deepEqual(document!.configs, { 'retention.ms': '-1' })
  t.deepEqual(documents(await output(['topics', '--delete', topic, '--json'])), [{ deleted: topic }])
  t.notRegex(await output(['topics']), new RegExp(topic))
})

test('a topic that does not exist is named at once, with the remedy, and no reader makes it', async (t) => {
  const topic = uniqueName('nowhere')
  for (const args of [
    ['topics', '--describe'],
    ['topics', '--delete'],
    ['consume', '--exit'],
    ['consume', '--exit', '--group', 'g'],
  ]) {
    t.regex(await refusal([...args, topic]), new RegExp(`topic '${topic}' does not exist; 'moldau topics' lists`))
  }
  const client = await connect(broker())
  t.false((await client.admin.listTopics()).some(({ name }) => name === topic))
  await client.close()
})

test('settings of a topic that do not exist or cannot be are named', async (t) => {
  t.regex(await refusal(['topics', '--create', 'a', '-c', 'retention.m=1']), /retention\.m .*did you mean retention\.ms/)
  t.regex(await refusal(['topics', '--create', 'not a name']), /'not a name' contains/)
})

test('lines come back byte for byte, compressed or not: empty ones, carriage returns, what is not UTF-8, a last one without its end', async (t) => {
  const text = Buffer.concat([Buffer.from('first\n\n\r\nwith \u00e9\n'), Buffer.from([0xff, 0xfe, 0x00, 0x80, 0x0a]), Buffer.from('last')])
  for (const compression of ['none', 'zstd']) {
    const topic = uniqueName('bytes')
    await output(['produce', topic, '-z', compression], text)
    const args = [...moldauArgs, 'consume', topic, '--exit']
    const { stdout } = await promisify(execFile)(process.execPath, args, { env: env(), encoding: 'buffer' })
    t.deepEqual(stdout, Buffer.concat([text, Buffer.from('\n')]))
    if (compression === 'none') continue
    const values = documents(await output(['consume', topic, '--exit', '--json'])).map((row) => (row as { value: unknown }).value)
    t.deepEqual(values, ['first', '', '\r', 'with \u00e9', { base64: Buffer.from([0xff, 0xfe, 0x00, 0x80]).toString('base64') }, 'last'])
  }
})

test('keys decide the partition and come back; count and offset choose what is printed', async (t) => {
  const topic = uniqueName('keyed')
  await output(['topics', '--create', topic, '--partitions', '4'])
  const lines = Array.from({ length: 40 }, (_, i) => `${i % 5 === 0 ? '' : `key-${i % 5}:`}value:${i}`)
  const said = await run(['produce', topic, '-K', ':'], { input: `${lines.join('\n')}\n` })
  t.regex(said.stderr, new RegExp(`40 records to ${topic}`))
  const [printed, json, three, end] = await Promise.all([
    output(['consume', topic, '--exit', '-K', ':']),
    output(['consume', topic, '--exit', '--json']),
    output(['consume', topic, '-n', '3']),
    output(['consume', topic, '--from', '6', '--exit', '--json']),
  ])
  // A line without the delimiter before its value: the text before the first colon is the key all the same.
  t.deepEqual(printed.split('\n').sort(), [...lines, ''].sort())
  const rows = documents(json) as { partition: number; key: string; offset: number }[]
  for (const key of new Set(rows.map((row) => row.key))) {
    t.is(new Set(rows.filter((row) => row.key === key).map((row) => row.partition)).size, 1)
  }
  t.is(three.split('\n').length, 4)
  const offsets = (text: string) => (documents(text) as { offset: number }[]).map(({ offset }) => offset).sort((a, b) => a - b)
  t.deepEqual(
    offsets(end),
    offsets(json).filter((offset) => offset >= 6),
  )
})

test('a group prints each record once, commits what was printed and nothing more, and shows its lag', async (t) => {
  const topic = uniqueName('grouped')
  const group = uniqueName('group')
  await output(['produce', topic], '0\n1\n2\n3\n4\n')
  t.is(await output(['consume', topic, '--group', group, '-n', '2']), '0\n1\n')
  t.deepEqual(documents(await output(['groups', group, '--json'])), [
    {
      groupId: group,
      state: 'Empty',
      type: 'classic',
      protocolType: 'consumer',
      protocol: '',
      members: [],
      offsets: [{ topic, partition: 0, offset: 2, end: 5, lag: 3 }],
    },
  ])
  t.is(await output(['consume', topic, '--group', group, '--exit']), '2\n3\n4\n')
  t.is(await output(['consume', topic, '--group', group, '--exit']), '')
  t.regex(await output(['groups', group]), new RegExp(`^group ${group}: Empty, 0 members\\n.*\\n${topic} +0 +5 +5 +0\\n$`))
  t.regex(await output(['groups']), new RegExp(`^${group} +Empty +consumer$`, 'm'))
  t.regex(await refusal(['groups', `${group}x`]), new RegExp(`there is no group '${group}x'; 'moldau groups' lists`))
})

test('a reader of the output that goes away ends the command quietly', async (t) => {
  const topic = uniqueName('long')
  await output(['produce', topic], Array.from({ length: 30_000 }, (_, i) => `line ${i}`).join('\n'))
  const pipeline = `"${process.execPath}" ${moldauArgs.join(' ')} consume ${topic} | head -n 1`
  const { stdout, stderr } = await promisify(execFile)('sh', ['-c', pipeline], { env: env() })
  t.is(stdout, 'line 0\n')
  t.is(stderr, '')
})

test('a record that is too large is named by its line, and the lines before it are written', async (t) => {
  const topic = uniqueName('large')
  const said = await refusal(['produce', topic], `one\ntwo\n${'x'.repeat(2_000_000)}\nfour\n`)
  t.regex(said, /line 3 of the input: a record of 2000\d{3} bytes .*lines before it are written \(2\)/)
  t.is(await output(['consume', topic, '--exit']), 'one\ntwo\n')
})

test('a transaction that was aborted is shown to those who ask for it only', async (t) => {
  const topic = uniqueName('transactions')
  const client = await connect(broker())
  const producer = client.producer({ transactionalId: topic })
  for (const end of ['commit', 'abort'] as const) {
    producer.begin()
    await producer.send({ topic, value: end })
    await producer[end]()
  }
  await client.close()
  t.is(await output(['consume', topic, '--exit']), 'commit\n')
  t.is(await output(['consume', topic, '--exit', '--isolation', 'read_uncommitted']), 'commit\nabort\n')
})

test('a cluster that does not answer is named, with the remedy', async (t) => {
  t.regex(await refusal(['topics', '--bootstrap', '127.0.0.1:1']), /no broker answers at 127\.0\.0\.1:1 .*moldau broker/)
})
