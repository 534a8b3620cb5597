/**
 * Copies records from topic to topic exactly once, in a group, in a process of its own: `node copier-process.ts <options as JSON>`. At SIGTERM it ends
 * its transaction and leaves the group.
 */
import { flushCompileCache } from 'node:module'
import { setTimeout as wait } from 'node:timers/promises'

import { connect, type Consumer, type ConsumerBatch, KafkaError, MoldauError, type Producer, tpKey } from '../../core/index.ts'
import { copyKey, type CopyingOptions, type CopyingStep } from './copying.ts'
import { seededNumbers } from './seeded-numbers.ts'

const options = JSON.parse(process.argv[2]!) as CopyingOptions
const random = seededNumbers(options.seed)
/** Whom a coordinator trusts, as it does tools. */
const nobody = { groupId: options.group, generation: -1, memberId: '', groupInstanceId: null }
let transaction = 0

function say(step: CopyingStep, ...details: (string | number)[]): void {
  process.stdout.write(`${[step, transaction, ...details].join(' ')}\n`)
}

function dawdle(): Promise<void> {
  return wait(random() * options.dawdleMs)
}

flushCompileCache()
let leaving = false
process.once('SIGTERM', () => (leaving = true))

while (!leaving) await live()

/** Until the producer is fenced; then everything begins anew. */
async function live(): Promise<void> {
  const { bootstrap, name, group, from, sessionTimeoutMs, transactionTimeoutMs } = options
  const client = await connect(bootstrap, { clientId: name, bootstrapTimeoutMs: 600_000, requestTimeoutMs: 5000 })
  const producer = client.producer({ transactionalId: name, lingerMs: 0, transactionTimeoutMs, maxBlockMs: 600_000 })
  const consumer = client.consumer({
    groupId: group,
    isolationLevel: 'read_committed',
    autoOffsetReset: 'earliest',
    // A group of KIP-848 has these from the brokers.
    ...(options.membership?.groupProtocol !== 'consumer' && { sessionTimeoutMs, heartbeatIntervalMs: Math.floor(sessionTimeoutMs / 5) }),
    maxPollRecords: 200,
    fetchMaxWaitMs: 100,
    ...options.membership,
  })
  consumer.subscribe([from])
  try {
    await producer.init()
    while (!leaving) {
      const batches = await consumer.poll(200)
      if (batches.length > 0) await copy(consumer, producer, batches)
    }
  } catch (error) {
    if (!(error instanceof MoldauError) && !(error instanceof KafkaError)) throw error
  }
  await producer.close(0).catch(() => {})
  await client.close().catch(() => {})
}

/** @throws MoldauError FENCED */
async function copy(consumer: Consumer, producer: Producer, batches: readonly ConsumerBatch[]): Promise<void> {
  const member = consumer.groupMetadata()
  const aborts = random() < options.abortShare
  transaction++
  const began = performance.now()
  say('begin')
  producer.begin()
  try {
    const key = copyKey(options.name, transaction, aborts)
    const sent = batches.flatMap(({ partition, columns, from, count }) =>
      Array.from({ length: count }, (_, i) => producer.send({ topic: options.to, partition, key, value: columns.value(from + i)! })),
    )
    await Promise.all(sent)
    await dawdle()
    say('offering')
    const offsets = new Map(
      batches.map((batch) => [tpKey(batch), { topic: batch.topic, partition: batch.partition, offset: batch.nextOffset }]),
    )
    if (options.flaw === 'offsets') await consumer.commit([...offsets.values()])
    else await producer.sendOffsets([...offsets.values()], options.flaw === 'fencing' ? nobody : member)
    await dawdle()
    say('ending')
    if (!aborts) {
      await producer.commit()
      return say('committed', sent.length)
    }
    await producer.abort()
    say('aborted')
  } catch (error) {
    say('failed', (error as KafkaError).kafkaCode ?? (error as MoldauError).code, Math.floor(performance.now() - began))
    if (error instanceof MoldauError && error.code === 'FENCED') throw error
    await producer.abort()
  }
  // Once more, from where the group is.
  const mine = consumer.assignment()
  const committed = await consumer.committed(mine)
  for (const tp of mine) consumer.seek(tp, committed.get(tpKey(tp))?.offset ?? 'earliest')
}
