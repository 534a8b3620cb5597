import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

import test from 'ava'
import type { ExecutionContext } from 'ava'

import { connect } from '../../core/index.ts'
import { ConfluentConsumer, confluentKafka } from '../support/confluent-kafka.ts'
import { hasKcat, kcat } from '../support/kcat.ts'
import { tempDir } from '../support/start-broker.ts'
import { StartedMoldau } from '../support/start-moldau.ts'
import { toolRunner } from '../support/tool-runner.ts'
import { until } from '../support/until.ts'

/** `moldau broker --control` makes requests of foreign clients fail; what they make of it is the audit. */

const numbered = (count: number): string => Array.from({ length: count }, (_, i) => `${i}\n`).join('')
/** A broker takes any first sequence of a producer that it does not know: were several requests under way, refused ones would be overtaken. */
const oneInFlight = 'max.in.flight=1'
const settings = (...all: string[]): string[] => all.flatMap((setting) => ['-X', setting])

interface Bent {
  bootstrap: string
  url: string
  rule: (fields: object) => Promise<() => Promise<number>>
}

async function start(t: ExecutionContext): Promise<Bent> {
  const args = [
    'broker',
    '--port',
    '0',
    '--dir',
    await tempDir(t),
    '--control',
    '0',
    '--log-level',
    'silent',
    '-c',
    'durability=page-cache',
  ]
  const broker = new StartedMoldau(t, args)
  const [, url, bootstrap] = await broker.says(/control at (\S+);[^]*ready at (\S+),/)
  /** Answers a function that tells its hits. */
  const rule = async (fields: object): Promise<() => Promise<number>> => {
    const answer = await fetch(`${url}/rules`, { method: 'POST', body: JSON.stringify(fields) })
    const made = (await answer.json()) as { id: number; error?: string }
    if (!answer.ok) throw new Error(made.error)
    return async () => ((await (await fetch(`${url}/rules/${made.id}`)).json()) as { hits: number }).hits
  }
  return { bootstrap: bootstrap!, url: url!, rule }
}

test('kcat: errors and delays are waited out, and nothing is lost, doubled or reordered', async (t) => {
  if (!hasKcat(t)) return
  const { bootstrap, rule } = await start(t)
  const input = numbered(20_000)
  const hits = [
    await rule({ api: 'Produce', topic: 'a', action: 'error', error: 'NOT_LEADER_OR_FOLLOWER', times: 3 }),
    await rule({ api: 'Metadata', topic: 'a', action: 'error', error: 'LEADER_NOT_AVAILABLE', times: 2 }),
    await rule({ api: 'InitProducerId', action: 'error', error: 'COORDINATOR_LOAD_IN_PROGRESS', times: 2 }),
    await rule({ api: 'Fetch', topic: 'a', action: 'delay', delayMs: 20, probability: 0.3, seed: 3 }),
    await rule({ api: 'Fetch', topic: 'a', action: 'error', error: 'NOT_LEADER_OR_FOLLOWER', probability: 0.3, seed: 4, times: 5 }),
  ]
  await kcat(bootstrap, ['-P', '-t', 'a', '-p', '0', ...settings('enable.idempotence=true', 'retry.backoff.ms=20', oneInFlight)], { input })
  const small = settings('fetch.message.max.bytes=1024', 'fetch.error.backoff.ms=10')
  t.is(await kcat(bootstrap, ['-C', '-e', '-q', '-o', 'beginning', '-p', '0', '-t', 'a', ...small]), input)
  for (const [i, each] of hits.entries()) t.true((await each()) > 0, `rule ${i + 1}`)
})

test('confluent-kafka: the Python program of docs/testing.md shows whether lost answers double records', async (t) => {
  const python = await confluentKafka()
  const page = readFileSync(new URL('../../docs/testing.md', import.meta.url), 'utf8')
  const code = /^```python\n([^]*?)^```/m.exec(page)![1]!
  const program = join(await tempDir(t), 'program.py')
  const print = async (text: string): Promise<string> => {
    const { bootstrap, url } = await start(t)
    await writeFile(program, text)
    return (await promisify(execFile)(python, [program, bootstrap, url])).stdout
  }
  t.is(await print(code), '0\n1\n2\n2 1\n')
  t.is(await print(code.replace('"enable.idempotence": True', '"enable.idempotence": False')), '1\n2\n3\n2 1\n', 'the test can fail')
})

test('confluent-kafka: a consumer reads each record once while its connections are cut', async (t) => {
  const python = await confluentKafka()
  const { bootstrap, rule } = await start(t)
  const client = await connect(bootstrap)
  t.teardown(() => client.close())
  await client.admin.createTopics([{ name: 'a', partitions: 1 }])
  const producer = client.producer({ lingerMs: 0 })
  for (let i = 0; i < 200; i++) await producer.send({ topic: 'a', value: `${i}` })
  const often = { probability: 0.4, times: 5 }
  const hits = [
    await rule({ api: 'Fetch', topic: 'a', action: 'drop', seed: 1, ...often }),
    await rule({ api: 'Fetch', topic: 'a', action: 'drop-after', seed: 2, ...often }),
    await rule({ api: ['JoinGroup', 'SyncGroup'], action: 'drop-after', times: 2 }),
    await rule({ api: 'FindCoordinator', action: 'error', error: 'COORDINATOR_NOT_AVAILABLE', times: 2 }),
  ]
  const configuration = {
    'group.id': 'g',
    'auto.offset.reset': 'earliest',
    'fetch.message.max.bytes': 512,
    'reconnect.backoff.ms': 10,
    'reconnect.backoff.max.ms': 50,
    'session.timeout.ms': 6000,
  }
  const consumer = new ConfluentConsumer(t, python, Number(bootstrap.split(':')[1]), configuration, ['a'])
  await until('all is read', () => consumer.read.length >= 200, { details: () => consumer.read.length })
  await consumer.stop()
  t.deepEqual(
    consumer.read,
    Array.from({ length: 200 }, (_, i) => `a-0 ${i} ${i}`),
  )
  for (const [i, each] of hits.entries()) t.true((await each()) > 0, `rule ${i + 1}`)
})

test("Kafka's own producer and consumer go through errors, delays and lost answers", async (t) => {
  const tools = await toolRunner(t)
  if (tools === undefined) return
  const { bootstrap, rule } = await start(t)
  const hits = [
    await rule({ api: 'Produce', topic: 'a', action: 'drop-after', times: 2 }),
    await rule({ api: 'Produce', topic: 'a', action: 'error', error: 'NOT_ENOUGH_REPLICAS', times: 2 }),
    await rule({ api: 'FindCoordinator', action: 'error', error: 'COORDINATOR_NOT_AVAILABLE', times: 2 }),
    await rule({ api: ['JoinGroup', 'SyncGroup'], action: 'delay', delayMs: 200 }),
    await rule({ api: 'OffsetFetch', action: 'error', error: 'COORDINATOR_LOAD_IN_PROGRESS', times: 2 }),
    await rule({ api: 'Fetch', topic: 'a', action: 'drop', times: 2 }),
  ]
  const input = numbered(3000)
  const base = ['--bootstrap-server', bootstrap, '--topic', 'a']
  const retries = ['--message-send-max-retries', '100', '--retry-backoff-ms', '20', '--batch-size', '1024']
  retries.push('--command-property', 'max.in.flight.requests.per.connection=1')
  const produced = await tools.run('ConsoleProducer', [...base, ...retries], input)
  t.is(produced.code, 0, produced.output)
  const consuming = ['--group', 'g', '--from-beginning', '--max-messages', '3000', '--timeout-ms', '60000']
  const consumed = await tools.run('consumer.ConsoleConsumer', [...base, ...consuming])
  // All else that it prints is words.
  t.is(consumed.output.replaceAll(/^\D.*\n/gm, ''), input)
  for (const [i, each] of hits.entries()) t.true((await each()) > 0, `rule ${i + 1}`)
})
