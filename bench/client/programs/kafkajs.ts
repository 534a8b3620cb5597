/** `kafkajs`: arrays of messages out, batches in. */
import { Samples } from '../task.ts'
import { inArrays, oneByOne, Reader, task } from './program.ts'

interface Message {
  key: Buffer | null
  value: Buffer | null
}

interface Kafka {
  producer(options: { idempotent: boolean; maxInFlightRequests: number }): {
    connect(): Promise<void>
    send(what: { topic: string; acks: number; messages: Message[] }): Promise<unknown>
  }
  consumer(options: { groupId: string; maxWaitTimeInMs: number }): {
    connect(): Promise<void>
    subscribe(what: { topics: string[]; fromBeginning: boolean }): Promise<void>
    run(how: { autoCommitInterval: number; eachBatch(one: { batch: { messages: Message[] } }): Promise<void> }): Promise<void>
    stop(): Promise<void>
  }
}

process.env['KAFKAJS_NO_PARTITIONER_WARNING'] = '1'
const name: string = 'kafkajs'
const { Kafka, logLevel } = (await import(name)) as {
  Kafka: new (options: { brokers: string[]; logLevel: number }) => Kafka
  logLevel: { ERROR: number }
}
const { topic, bootstrap, groupId, commitEveryMs } = task
const kafka = new Kafka({ brokers: [bootstrap], logLevel: logLevel.ERROR })
const samples = new Samples(task.valueBytes)
const message = (i: number): Message => ({ key: samples.key(i), value: samples.value(i) })

if (task.job === 'consume') {
  const consumer = kafka.consumer({ groupId, maxWaitTimeInMs: 500 })
  await consumer.connect()
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  const reader = new Reader()
  const eachBatch = async ({ batch }: { batch: { messages: Message[] } }): Promise<void> => {
    for (const { key, value } of batch.messages) reader.see(key, value)
    // What was read last is committed on the way out.
    if (reader.done) void consumer.stop().then(() => reader.end())
  }
  await consumer.run({ autoCommitInterval: commitEveryMs, eachBatch })
} else {
  // Its documentation asks for one request at a time where order and idempotence matter.
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 })
  await producer.connect()
  const send = (first: number, count: number): Promise<unknown> =>
    producer.send({ topic, acks: -1, messages: Array.from({ length: count }, (_, i) => message(first + i)) })
  if (task.job === 'latency') await oneByOne((i) => send(i, 1))
  else await inArrays(1, send)
}
