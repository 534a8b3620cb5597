import { join } from 'node:path'

import test from 'ava'

import { connect, schemaRegistry, string } from '../../core/index.ts'
import { mapValues, pipeline, run, topic } from '../../pipelines/index.ts'
import { startApicurio } from '../support/apicurio.ts'
import { confluentAvro } from '../support/confluent-kafka.ts'
import { missing } from '../support/missing.ts'
import { runCommand } from '../support/run-command.ts'
import { startBroker } from '../support/start-broker.ts'
import { until } from '../support/until.ts'

const flight = { type: 'record', name: 'Flight', fields: [{ name: 'origin', type: 'string' }] } as const
const withDelay = {
  type: 'record',
  name: 'Flight',
  fields: [
    { name: 'origin', type: 'string' },
    { name: 'delay', type: 'int', default: 0 },
  ],
} as const
const loud = { type: 'record', name: 'Loud', fields: [{ name: 'text', type: 'string' }] } as const

test('a pipeline reads what confluent-kafka writes with a schema registry, also after the schema has changed, and confluent-kafka reads what it writes', async (t) => {
  t.timeout(180_000)
  const url = await startApicurio(t)
  if (url === undefined) return
  let python: string
  try {
    python = await confluentAvro()
  } catch (error) {
    return missing(t, 'confluent-kafka', error)
  }
  const broker = await startBroker(t)
  const bootstrap = `127.0.0.1:${broker.port}`
  const program = async (...args: string[]): Promise<string> => {
    const done = await runCommand(python, [join(import.meta.dirname, 'programs/registry.py'), bootstrap, url, ...args])
    if (done.code !== 0) throw new Error(done.stderr)
    return done.stdout
  }
  const client = await connect(broker)
  t.teardown(() => client.close())
  await client.admin.createTopics(['flights', 'loud'].map((name) => ({ name, partitions: 1 })))
  await program('produce', 'flights', JSON.stringify(flight), '{"origin": "PRG"}')

  const registry = schemaRegistry(url)
  const flights = topic('flights', { key: string, value: await registry.avro('flights-value', flight) })
  const texts = topic('loud', { key: string, value: await registry.avro('loud-value', loud) })
  const shout = pipeline('shout')
    .from(flights)
    .pipe(mapValues(({ origin }) => ({ text: `${origin}!` })))
    .to(texts)
  const job = await run(shout, { client, applicationId: 'a' })
  let out = 0
  job.metrics$.subscribe(([metrics]) => (out = metrics!.recordsOut))
  await until('the first flight is out', () => out === 1)
  // The pipeline has never heard of this schema.
  await program('produce', 'flights', JSON.stringify(withDelay), '{"origin": "BRQ", "delay": 3}', '{"origin": "OSR", "delay": 0}')
  await job.drain()
  t.is(out, 3)
  t.is(await program('consume', 'loud', '3'), '{"text": "PRG!"}\n{"text": "BRQ!"}\n{"text": "OSR!"}\n')

  const refused = { ...withDelay, fields: [{ name: 'origin', type: 'int' }] }
  const rule = { method: 'PUT', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ compatibility: 'BACKWARD' }) }
  await fetch(`${url}/config/flights-value`, rule)
  await t.throwsAsync(registry.avro('flights-value', refused), { code: 'REGISTRY_FAILED', message: /409 .*give new fields a default/ })
})
