import test from 'ava'
import type { ExecutionContext } from 'ava'

import { connect, LogTruncationError } from '../../core/index.ts'
import type { Client, Consumer, ConsumerOptions } from '../../core/index.ts'
import { tcpDialer } from '../../core/net/dialer.ts'
import { clientFor, numbers, readToEnd, uniqueName, valuesOf } from '../support/client-kit.ts'
import { startKafkaCluster } from '../support/kafka-cluster.ts'
import type { KafkaCluster } from '../support/kafka-cluster.ts'

/** Records one after the other, by a producer of their own. */
async function write(client: Client, topic: string, values: readonly string[]): Promise<void> {
  const producer = client.producer({ lingerMs: 0 })
  for (const value of values) await producer.send({ topic, value })
  await producer.close()
}

/** A consumer that reads from the replica in its rack, until that one is killed: then from the leader again. Leaves it killed. */
async function rackScenario(t: ExecutionContext, kafka: KafkaCluster, calm: Client): Promise<void> {
  const topic = uniqueName('racks')
  await calm.admin.createTopics([{ name: topic, assignments: [[1, 2, 3]] }])
  await write(calm, topic, numbers(100))
  const dialed: string[] = []
  const tcp = tcpDialer()
  const dialer: typeof tcp = {
    dial: (host, port) => {
      dialed.push(`${host}:${port}`)
      return tcp.dial(host, port)
    },
  }
  const client = await clientFor(t, { connect: (options) => connect(kafka.bootstrap, options), dialer: tcp }, { dialer })
  const consumer = client.consumer({ clientRack: 'c', autoOffsetReset: 'earliest', fetchMaxWaitMs: 100 })
  consumer.assign([{ topic, partition: 0 }])
  const near = kafka.nodes[2]!
  dialed.length = 0
  t.deepEqual(valuesOf(await readToEnd(client, consumer)), numbers(100))
  t.true(dialed.includes(near.address), `the replica in rack c is asked: ${dialed.join(' ')}`)
  await near.kill()
  await write(calm, topic, numbers(100, 100))
  t.deepEqual(valuesOf(await readToEnd(client, consumer)), numbers(100, 100))
  await consumer.close()
}

test('a consumer reads from the replica in its rack (KIP-392), and learns when a replica that lacks records becomes the leader (KIP-320)', async (t) => {
  const kafka = await startKafkaCluster(t)
  if (kafka === undefined) return
  const client = await clientFor(t, { connect: (options) => connect(kafka.bootstrap, options), dialer: tcpDialer() })
  const topic = uniqueName('truncated')
  const configs = { 'unclean.leader.election.enable': 'true', 'min.insync.replicas': '1' }
  await client.admin.createTopics([{ name: topic, assignments: [[2, 3]], configs }])
  await write(client, topic, numbers(30))
  await rackScenario(t, kafka, client)
  // Broker 3 is away: it does not get these.
  await write(client, topic, numbers(20, 30))
  const reader = async (autoOffsetReset: ConsumerOptions['autoOffsetReset']): Promise<Consumer> => {
    const consumer = client.consumer({ ...(autoOffsetReset !== undefined && { autoOffsetReset }), fetchMaxWaitMs: 100 })
    consumer.assign([{ topic, partition: 0, offset: 0 }])
    t.deepEqual(valuesOf(await readToEnd(client, consumer)), numbers(50))
    return consumer
  }
  const [going, strict] = [await reader('latest'), await reader('none')]
  await kafka.nodes[1]!.kill()
  await kafka.nodes[2]!.start()
  await write(client, topic, numbers(40, 1000))
  t.deepEqual(valuesOf(await readToEnd(client, going)), numbers(40, 1000))
  const error = await t.throwsAsync(
    async () => {
      for (;;) t.deepEqual(await strict.poll(), [])
    },
    { instanceOf: LogTruncationError },
  )
  t.like(error, { topic, partition: 0, position: 50, divergentOffset: 30 })
})
