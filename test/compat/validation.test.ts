import test from 'ava'

import { systemClock } from '../../core/base/clock.ts'
import { Channel } from '../../core/net/channel.ts'
import { tcpDialer } from '../../core/net/dialer.ts'
import { type KafkaErrorName, errorName } from '../../core/protocol/errors.ts'
import { FindCoordinator } from '../../core/protocol/messages/find-coordinator.ts'
import { ListOffsets } from '../../core/protocol/messages/list-offsets.ts'
import { Produce } from '../../core/protocol/messages/produce.ts'
import { type OddBatch, oddBatches, oddTopics } from '../support/odd-batches.ts'
import { startBroker } from '../support/start-broker.ts'
import { startKafka } from '../support/start-kafka.ts'
import { createTopic } from '../support/wire.ts'

/**
 * Where we answer another error than Kafka 4.3.1, on purpose. Kafka answers UNKNOWN_SERVER_ERROR where an exception took it by surprise;
 * what it lets pass would stop whoever reads the record, or has no meaning.
 */
const UNFORESEEN = 'Kafka answers UNKNOWN_SERVER_ERROR: it has not foreseen it'
const UNREADABLE = 'Kafka keeps it, and no consumer of ours or of others reads it back as it was meant'
const differences: Readonly<Record<string, { ours: KafkaErrorName; why: string }>> = {
  ...Object.fromEntries(
    [
      'compression 5',
      'compression 7',
      'offset deltas 0, 5, gzip',
      'offset deltas 1, 0, gzip',
      'bytes in place of records',
      ...['gzip', 'snappy', 'lz4', 'zstd'].flatMap((codec) => [`bytes in place of ${codec}`, `${codec} that is cut off`]),
    ].map((name) => [name, { ours: 'INVALID_RECORD' as const, why: UNFORESEEN }]),
  ),
  ...Object.fromEntries(
    [
      'offset deltas 0, 0',
      'offset deltas 1, 0',
      'offset deltas 0, 5',
      'offset deltas 0, -1',
      'a record longer than the batch, gzip',
      'a record one byte shorter than it is, gzip',
      'a key of length -2',
      'a value of length -2',
    ].map((name) => [name, { ours: 'INVALID_RECORD' as const, why: UNREADABLE }]),
  ),
  'a negative timestamp': { ours: 'INVALID_TIMESTAMP', why: 'before 1970 there is only -1, for none' },
  'a timestamp below -2^53': { ours: 'INVALID_TIMESTAMP', why: 'before 1970 there is only -1, for none' },
  'a producer id without an epoch': { ours: 'INVALID_PRODUCER_EPOCH', why: 'without an epoch nobody could tell a repetition' },
  'a transactional batch without a producer id': { ours: 'INVALID_PRODUCER_ID_MAPPING', why: 'no marker would ever end it' },
}

interface Answer {
  readonly error: string
  readonly refused: string
  /** Records that the partition has grown by. */
  readonly stored: number
}

async function answers(bootstrap: string): Promise<Map<string, Answer>> {
  const [host, port] = bootstrap.split(':')
  const channel = new Channel(await tcpDialer().dial(host!, Number(port)), { clientId: 'odd', clock: systemClock })
  try {
    for (const [name, configs] of Object.entries(oddTopics)) await createTopic(channel, name, 1, configs)
    // Metadata reach a real broker a moment after the controller has them, and the transactions' topic is made when it is first asked for.
    for (const name of Object.keys(oddTopics)) while ((await endOf(channel, name)) === undefined) await pause()
    const coordinator = { keyType: 1, coordinatorKeys: ['nobody'] }
    while ((await channel.request(FindCoordinator, 4, coordinator)).coordinators[0]!.errorCode !== 0) await pause()
    const found = new Map<string, Answer>()
    for (const odd of oddBatches(Date.now())) found.set(odd.name, await answerTo(channel, odd))
    return found
  } finally {
    channel.close()
  }
}

async function answerTo(channel: Channel, { records, topic = 'plain', version = 11, transactionalId }: OddBatch): Promise<Answer> {
  const before = await endOf(channel, topic)
  const data = { name: topic, partitionData: [{ index: 0, records }] }
  const { responses } = await channel.request(Produce, version, {
    ...(transactionalId !== undefined && { transactionalId }),
    acks: 1,
    timeoutMs: 5000,
    topicData: [data],
  })
  const { errorCode, recordErrors } = responses[0]!.partitionResponses[0]!
  return {
    error: errorName(errorCode),
    refused: recordErrors.map(({ batchIndex }) => batchIndex).join(),
    stored: (await endOf(channel, topic))! - before!,
  }
}

async function endOf(channel: Channel, name: string): Promise<number | undefined> {
  const topics = [{ name, partitions: [{ partitionIndex: 0, timestamp: -1 }] }]
  const { offset, errorCode } = (await channel.request(ListOffsets, 5, { replicaId: -1, topics })).topics[0]!.partitions[0]!
  return errorCode === 0 ? offset : undefined
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 200))
}

test('batches as no good producer sends them are answered as Kafka answers them, and are stored by both or neither', async (t) => {
  const kafka = await startKafka(t)
  if (kafka === undefined) return
  const theirs = await answers(kafka.bootstrap)
  const ours = await answers((await startBroker(t)).bootstrap)
  t.true(ours.size > 100)
  for (const [name, answer] of ours) {
    const expected = theirs.get(name)!
    const difference = differences[name]
    if (difference === undefined) t.deepEqual(answer, expected, name)
    else {
      t.is(answer.error, difference.ours, `${name}: ${difference.why}`)
      t.is(answer.stored, 0, name)
      t.not(expected.error, answer.error, `${name} is no difference any more`)
    }
  }
  t.log(`${ours.size} batches, ${Object.keys(differences).length} of them answered otherwise on purpose`)
})
