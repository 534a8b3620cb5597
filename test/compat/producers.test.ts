import test from 'ava'

import { ManualClock, systemClock } from '../../core/base/clock.ts'
import { Channel } from '../../core/net/channel.ts'
import { tcpDialer } from '../../core/net/dialer.ts'
import { KafkaError, errorName } from '../../core/protocol/errors.ts'
import { FindCoordinator } from '../../core/protocol/messages/find-coordinator.ts'
import { Metadata } from '../../core/protocol/messages/metadata.ts'
import { Produce } from '../../core/protocol/messages/produce.ts'
import { WriteTxnMarkers } from '../../core/protocol/messages/write-txn-markers.ts'
import { FaultyFiles } from '../support/faulty-files.ts'
import { batchOf, marker, openLog } from '../support/logs.ts'
import { ProducerScript, scriptTopics } from '../support/producer-script.ts'
import { startBroker } from '../support/start-broker.ts'
import { startKafka } from '../support/start-kafka.ts'
import { batch, createTopic } from '../support/wire.ts'

/** What producers are answered, and markers, asked of a real Kafka 4.3.1 and of ours. */

const EXPIRATION_MS = 3000

async function dial(bootstrap: string): Promise<Channel> {
  const [host, port] = bootstrap.split(':')
  return new Channel(await tcpDialer().dial(host!, Number(port)), { clientId: 'script', clock: systemClock })
}

async function makeTopics(channel: Channel, topics: typeof scriptTopics): Promise<void> {
  for (const [name, configs] of Object.entries(topics)) await createTopic(channel, name, 4, configs)
  for (const name of Object.keys(topics)) {
    for (;;) {
      const { errorCode, partitions } = (await channel.request(Metadata, 9, { topics: [{ name }] })).topics[0]!
      if (errorCode === 0 && partitions.every((partition) => partition.errorCode === 0 && partition.leaderId >= 0)) break
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
  const coordinator = { keyType: 1, coordinatorKeys: ['script'] }
  while ((await channel.request(FindCoordinator, 4, coordinator)).coordinators[0]!.errorCode !== 0) {
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

async function answers(bootstrap: string): Promise<string[]> {
  const channel = await dial(bootstrap)
  try {
    await makeTopics(channel, scriptTopics)
    const script = new ProducerScript(channel, Date.now())
    await script.repetitions()
    await script.second()
    await script.first()
    await script.expiry()
    return script.answers
  } finally {
    channel.close()
  }
}

interface Marked {
  epoch: number
  version: 0 | 2
  coordinatorEpoch?: number
}

/** Markers around transactions; epochs count from the first one of the producer. */
const markers: (Marked | 'record' | 'record of the next epoch')[] = [
  'record',
  { epoch: 0, version: 2 },
  { epoch: -1, version: 0 },
  { epoch: 1, version: 2, coordinatorEpoch: 3 },
  { epoch: 1, version: 2, coordinatorEpoch: 3 },
  { epoch: 1, version: 2, coordinatorEpoch: 2 },
  { epoch: 0, version: 2, coordinatorEpoch: 3 },
  { epoch: 0, version: 0, coordinatorEpoch: 3 },
  'record of the next epoch',
  { epoch: 1, version: 2, coordinatorEpoch: 3 },
  { epoch: 1, version: 0, coordinatorEpoch: 3 },
]

/** As a coordinator asks a real Kafka. */
async function theirMarkers(bootstrap: string): Promise<string[]> {
  const channel = await dial(bootstrap)
  try {
    const topic = 'marked'
    await makeTopics(channel, { [topic]: {} })
    const transactionalId = 'marked'
    const producerId = 9001
    const told: string[] = []
    let produced = 0
    for (const step of markers) {
      if (typeof step === 'string') {
        // The verification of transactions is off: whatever the coordinator thinks of it.
        const ids = { producerId, producerEpoch: 1 + produced++, baseSequence: 0, transactional: true }
        const topicData = [{ name: topic, partitionData: [{ index: 0, records: batch(['x'], ids, Date.now()) }] }]
        const { responses } = await channel.request(Produce, 11, { transactionalId, acks: -1, timeoutMs: 5000, topicData })
        told.push(errorName(responses[0]!.partitionResponses[0]!.errorCode))
        continue
      }
      const { epoch, version, coordinatorEpoch = 0 } = step
      const one = { producerId, producerEpoch: 1 + epoch, transactionResult: true, coordinatorEpoch }
      const answer = await channel.request(WriteTxnMarkers, 2, {
        markers: [{ ...one, transactionVersion: version, topics: [{ name: topic, partitionIndexes: [0] }] }],
      })
      told.push(errorName(answer.markers[0]!.topics[0]!.partitions[0]!.errorCode))
    }
    return told
  } finally {
    channel.close()
  }
}

/** The same to a log of ours. */
function ourMarkers(): string[] {
  const log = openLog({ files: new FaultyFiles(), clock: new ManualClock() })
  let produced = 0
  const outcome = (append: () => unknown): string => {
    try {
      append()
      return 'NONE'
    } catch (error) {
      if (error instanceof KafkaError) return error.kafkaCode
      throw error
    }
  }
  return markers.map((step) => {
    if (typeof step === 'string') {
      const ids = { producerId: 1, producerEpoch: 1 + produced++, baseSequence: 0, transactional: true }
      return outcome(() => log.append(batchOf(['x'], ids), { leaderEpoch: 0 }))
    }
    return outcome(() => log.appendMarker(marker(1, 1 + step.epoch, true, step.coordinatorEpoch ?? 0), 0, step.version))
  })
}

test.serial('producers are answered as Kafka answers them: repetitions, gaps, transactions of both kinds, after expiry', async (t) => {
  const config = { 'producer.id.expiration.ms': `${EXPIRATION_MS}`, 'producer.id.expiration.check.interval.ms': '100' }
  const kafka = await startKafka(t, { config })
  if (kafka === undefined) return
  const theirs = await answers(kafka.bootstrap)
  const broker = await startBroker(t, { config: { 'producer.id.expiration.ms': EXPIRATION_MS, 'log.retention.check.interval.ms': 100 } })
  const ours = await answers(broker.bootstrap)
  t.deepEqual(ours, theirs)
  t.log(`${theirs.length} answers`)
})

test.serial('markers are taken and refused as Kafka does', async (t) => {
  const kafka = await startKafka(t, { config: { 'transaction.partition.verification.enable': 'false' } })
  if (kafka === undefined) return
  const theirs = await theirMarkers(kafka.bootstrap)
  t.deepEqual(ourMarkers(), theirs)
})
