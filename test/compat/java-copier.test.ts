import test from 'ava'

import { connect } from '../../core/index.ts'
import { ChildBroker } from '../support/child-broker.ts'
import { toolRunner } from '../support/tool-runner.ts'
import { readAll, valuesOf } from '../support/client-kit.ts'
import { tempDir } from '../support/start-broker.ts'
import { batch, createTopic, fetchFrom, produce } from '../support/wire.ts'

const RECORDS = 4000
const KILLS = 3
const PER_TRANSACTION = 20

/** How many offsets of a topic committed readers may see. */
async function endOf(broker: ChildBroker, topic: string): Promise<number> {
  const channel = await broker.open()
  try {
    return (await fetchFrom(channel, topic, 0, { committed: true })).lastStableOffset
  } finally {
    channel.close()
  }
}

test('a copier of Kafka copies every record exactly once, while the broker is killed under it', async (t) => {
  const tools = await toolRunner(t)
  if (tools === undefined) return
  const broker = new ChildBroker(t, await tempDir(t))
  await broker.start()
  const channel = await broker.open()
  await createTopic(channel, 'in')
  await createTopic(channel, 'out')
  for (let first = 0; first < RECORDS; first += 100) {
    const values = Array.from({ length: 100 }, (_, i) => String(first + i))
    t.is((await produce(channel, 'in', batch(values))).error, 'NONE')
  }
  const address = `127.0.0.1:${broker.port}`
  const args = `--broker-list ${address} --input-topic in --input-partition 0 --output-topic out --transaction-size ${PER_TRANSACTION} --max-messages ${RECORDS} --transactional-id copier --consumer-group copiers`
  let running = true
  const copier = tools.alone('TransactionalMessageCopier', args.split(' ')).finally(() => (running = false))
  let kills = 0
  for (let seen = 0; running && kills < KILLS;) {
    const end = await endOf(broker, 'out')
    // Further than at the last kill, so that every life of the broker does something.
    if (end > seen + PER_TRANSACTION) {
      seen = end
      await broker.kill()
      await broker.start()
      kills++
    } else await new Promise((resolve) => setTimeout(resolve, 50))
  }
  const { code, output } = await copier
  t.is(code, 0, output.slice(-3000))
  t.is(kills, KILLS, 'the copier was done before it was disturbed')
  const client = await connect(address)
  t.teardown(() => client.close())
  const values = valuesOf(await readAll(client, 'out')).map(Number)
  t.deepEqual(
    values.toSorted((a, b) => a - b),
    Array.from({ length: RECORDS }, (_, i) => i),
  )
})
