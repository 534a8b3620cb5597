import test from 'ava'

import { connect } from '../../core/index.ts'
import { tcpDialer } from '../../core/net/dialer.ts'
import { clientFor, numbers, readToEnd, uniqueName, valuesOf } from '../support/client-kit.ts'
import { startKafkaCluster } from '../support/kafka-cluster.ts'

test('a consumer reads from the replica in its rack, and from the leader again when that replica dies (KIP-392)', async (t) => {
  const kafka = await startKafkaCluster(t)
  if (kafka === undefined) return
  const dialed: string[] = []
  const tcp = tcpDialer()
  const dialer: typeof tcp = {
    dial: (host, port) => {
      dialed.push(`${host}:${port}`)
      return tcp.dial(host, port)
    },
  }
  const calm = await clientFor(t, { connect: (options) => connect(kafka.bootstrap, options), dialer: tcp })
  const topic = uniqueName('racks')
  await calm.admin.createTopics([{ name: topic, assignments: [[1, 2, 3]] }])
  const producer = calm.producer({ lingerMs: 0 })
  for (const value of numbers(100)) await producer.send({ topic, value })
  const client = await clientFor(t, { connect: (options) => connect(kafka.bootstrap, options), dialer: tcp }, { dialer })
  const consumer = client.consumer({ clientRack: 'c', autoOffsetReset: 'earliest', fetchMaxWaitMs: 100 })
  consumer.assign([{ topic, partition: 0 }])
  const near = kafka.nodes[2]!
  dialed.length = 0
  t.deepEqual(valuesOf(await readToEnd(client, consumer)), numbers(100))
  t.true(dialed.includes(near.address), `the replica in rack c is asked: ${dialed.join(' ')}`)
  await near.kill()
  for (const value of numbers(100, 100)) await producer.send({ topic, value })
  t.deepEqual(valuesOf(await readToEnd(client, consumer)), numbers(100, 100))
})
