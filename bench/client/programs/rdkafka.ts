/** `node-rdkafka`: one call per record out, with delivery reports; as many as there are in. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { Samples } from '../task.ts'
import { begin, end, oneByOne, Reader, task } from './program.ts'

interface Handle {
  connect(metadata: object, done: (error: Error | null) => void): void
}

interface RdKafka {
  Producer: new (options: object) => Handle & {
    produce(topic: string, partition: null, value: Buffer, key: Buffer, timestamp: null, opaque: unknown): void
    setPollInterval(ms: number): void
    poll(): void
    on(event: 'delivery-report', done: (error: Error | null, report: { opaque: unknown }) => void): void
  }
  KafkaConsumer: new (
    options: object,
    topic: object,
  ) => Handle & {
    subscribe(topics: string[]): void
    setDefaultConsumeTimeout(ms: number): void
    consume(count: number, done: (error: Error | null, messages: { key: Buffer; value: Buffer }[]) => void): void
  }
  CODES: { ERRORS: { ERR__QUEUE_FULL: number } }
}

const CONSUME_AT_MOST = 10_000
const CONSUME_TIMEOUT_MS = 20

const name: string = 'node-rdkafka'
const { default: rdkafka } = (await import(name)) as { default: RdKafka }
const { topic, records, batchBytes, groupId, commitEveryMs } = task
const shared = { 'metadata.broker.list': task.bootstrap }
const samples = new Samples(task.valueBytes)
const connected = (one: Handle): Promise<void> =>
  new Promise((resolve, reject) => one.connect({}, (error) => (error === null ? resolve() : reject(error))))

if (task.job === 'consume') {
  const commits = { 'enable.auto.commit': true, 'auto.commit.interval.ms': commitEveryMs }
  const consumer = new rdkafka.KafkaConsumer({ ...shared, ...commits, 'group.id': groupId }, { 'auto.offset.reset': 'earliest' })
  await connected(consumer)
  consumer.subscribe([topic])
  consumer.setDefaultConsumeTimeout(CONSUME_TIMEOUT_MS)
  const reader = new Reader()
  const more = (): void =>
    consumer.consume(CONSUME_AT_MOST, (error, messages) => {
      if (error !== null) throw error
      for (const { key, value } of messages) reader.see(key, value)
      if (reader.done) reader.end()
      else more()
    })
  more()
} else {
  const producer = new rdkafka.Producer({
    ...shared,
    'enable.idempotence': true,
    acks: -1,
    dr_cb: true,
    'linger.ms': task.job === 'latency' ? 0 : task.lingerMs,
    'batch.size': batchBytes,
    partitioner: 'murmur2_random',
  })
  await connected(producer)
  let acknowledged = 0
  const waiting = new Map<unknown, () => void>()
  producer.on('delivery-report', (error, { opaque }) => {
    if (error !== null) throw error
    acknowledged++
    waiting.get(opaque)?.()
  })
  producer.setPollInterval(task.job === 'latency' ? 1 : 10)
  const produce = (i: number): void => producer.produce(topic, null, samples.value(i), samples.key(i), null, i)
  if (task.job === 'latency') {
    await oneByOne((i) => {
      const done = new Promise<void>((resolve) => waiting.set(i, resolve))
      produce(i)
      return done
    })
  } else {
    begin()
    for (let i = 0; i < records; i++) {
      for (;;) {
        try {
          produce(i)
          break
        } catch (error) {
          if ((error as { code?: number }).code !== rdkafka.CODES.ERRORS.ERR__QUEUE_FULL) throw error
          producer.poll()
          await nextTurn()
        }
      }
    }
    while (acknowledged < records) {
      producer.poll()
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    end({ records: acknowledged })
  }
}
