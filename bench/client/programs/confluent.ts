/** `@confluentinc/kafka-javascript`, its API of promises: arrays of messages out, batches in. */
import { Samples } from '../task.ts'
import { inArrays, oneByOne, Reader, task } from './program.ts'

interface Message {
  key: Buffer | null
  value: Buffer | null
}

interface Kafka {
  producer(options: object): {
    connect(): Promise<void>
    send(what: { topic: string; messages: Message[] }): Promise<unknown>
  }
  consumer(options: object): {
    connect(): Promise<void>
    subscribe(what: { topics: string[] }): Promise<void>
    run(how: { eachBatch(one: { batch: { messages: Message[] } }): Promise<void> }): Promise<void>
    disconnect(): Promise<void>
  }
}

const name: string = '@confluentinc/kafka-javascript'
const { KafkaJS } = (await import(name)) as { KafkaJS: { Kafka: new (options: object) => Kafka; logLevel: { ERROR: number } } }
const { topic, bootstrap, groupId, commitEveryMs, batchBytes } = task
const kafka = new KafkaJS.Kafka({ kafkaJS: { brokers: [bootstrap], logLevel: KafkaJS.logLevel.ERROR } })
const samples = new Samples(task.valueBytes)

if (task.job === 'consume') {
  const consumer = kafka.consumer({
    kafkaJS: { groupId, fromBeginning: true, autoCommit: true, autoCommitInterval: commitEveryMs },
    'js.consumer.max.batch.size': -1,
  })
  await consumer.connect()
  await consumer.subscribe({ topics: [topic] })
  const reader = new Reader()
  const eachBatch = async ({ batch }: { batch: { messages: Message[] } }): Promise<void> => {
    for (const { key, value } of batch.messages) reader.see(key, value)
    if (reader.done) reader.end()
  }
  await consumer.run({ eachBatch })
} else {
  const producer = kafka.producer({
    kafkaJS: { idempotent: true, acks: -1 },
    'linger.ms': task.job === 'latency' ? 0 : task.lingerMs,
    'batch.size': batchBytes,
    partitioner: 'murmur2_random',
  })
  await producer.connect()
  const send = (first: number, count: number): Promise<unknown> => {
    const messages = Array.from({ length: count }, (_, i) => ({ key: samples.key(first + i), value: samples.value(first + i) }))
    return producer.send({ topic, messages })
  }
  if (task.job === 'latency') await oneByOne((i) => send(i, 1))
  else await inArrays(4, send)
}
