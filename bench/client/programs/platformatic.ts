/** `@platformatic/kafka`: arrays of messages out, a stream of messages in. */
import type { Readable } from 'node:stream'
import { Samples } from '../task.ts'
import { inArrays, oneByOne, Reader, task } from './program.ts'

interface Message {
  topic: string
  key: Buffer
  value: Buffer
}

interface Platformatic {
  Producer: new (options: object) => { send(what: { messages: Message[] }): Promise<unknown> }
  Consumer: new (options: object) => { consume(what: object): Promise<Readable & { close(): Promise<void> }> }
}

const name: string = '@platformatic/kafka'
const { Producer, Consumer } = (await import(name)) as Platformatic
const { topic, bootstrap, groupId, commitEveryMs } = task
const shared = { clientId: 'bench', bootstrapBrokers: [bootstrap], timeout: 60_000 }
const samples = new Samples(task.valueBytes)

if (task.job === 'consume') {
  const consumer = new Consumer({ ...shared, groupId, maxWaitTime: 500 })
  const stream = await consumer.consume({ topics: [topic], mode: 'committed', fallbackMode: 'earliest', autocommit: commitEveryMs })
  const reader = new Reader()
  stream.on('data', ({ key, value }: Message) => {
    reader.see(key, value)
    if (reader.done) void stream.close().then(() => reader.end())
  })
} else {
  const producer = new Producer({ ...shared, idempotent: true, acks: -1 })
  const send = (first: number, count: number): Promise<unknown> => {
    const messages = Array.from({ length: count }, (_, i) => ({ topic, key: samples.key(first + i), value: samples.value(first + i) }))
    return producer.send({ messages })
  }
  // So that it knows the topic and has its producer id.
  if (task.job === 'latency') await oneByOne((i) => send(i, 1))
  else await inArrays(task.way === 'one at a time' ? 1 : 4, send)
}
