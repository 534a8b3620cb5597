/** Our client. Ways: `append` and `send` (one promise per record); `views`, `positions`. */
import { connect, type Producer, type RecordColumns } from 'moldau/core'
import { Samples } from '../task.ts'
import { begin, end, inArrays, oneByOne, Reader, task } from './program.ts'

/** So often a program looks whether there is room. */
const APPENDS_BETWEEN = 1000

const { topic, records, valueBytes, batchBytes, lingerMs, groupId, commitEveryMs } = task
const client = await connect(task.bootstrap)
const samples = new Samples(valueBytes)

switch (`${task.job} ${task.way}`) {
  case 'produce append':
    await appendAll(await producerOf(lingerMs))
    break
  case 'produce send':
    await sendAll(await producerOf(lingerMs))
    break
  case 'latency send': {
    const producer = await producerOf(0)
    await oneByOne((i) => producer.send({ topic, key: samples.key(i), value: samples.value(i) }))
    break
  }
  default:
    await consumeAll()
}

async function producerOf(linger: number): Promise<Producer> {
  const producer = client.producer({ lingerMs: linger, batchSize: batchBytes })
  await producer.partitions(topic)
  await producer.init()
  return producer
}

async function appendAll(producer: Producer): Promise<void> {
  begin()
  for (let i = 0; i < records; i++) {
    const key = samples.key(i)
    producer.append(topic, producer.partitionFor(topic, key), key, samples.value(i), Date.now())
    if (i % APPENDS_BETWEEN === 0) await producer.ready()
  }
  await producer.flush()
  end({ records })
}

/** A promise for each record; so many at once as the others send in their arrays. */
async function sendAll(producer: Producer): Promise<void> {
  const one = (i: number): Promise<unknown> => producer.send({ topic, key: samples.key(i), value: samples.value(i) })
  await inArrays(4, (first, count) => Promise.all(Array.from({ length: count }, (_, i) => one(first + i))))
}

async function consumeAll(): Promise<void> {
  const consumer = client.consumer({ groupId, autoOffsetReset: 'earliest' })
  consumer.subscribe([topic])
  const reader = new Reader()
  let committedAt = performance.now()
  while (!reader.done) {
    for (const { columns, from, count } of await consumer.poll()) {
      if (task.way === 'positions') seeInPlace(reader, columns, from, from + count)
      else for (let i = from; i < from + count; i++) reader.see(columns.key(i), columns.value(i))
    }
    if (performance.now() - committedAt < commitEveryMs && !reader.done) continue
    await consumer.commit()
    committedAt = performance.now()
  }
  reader.end()
}

/** The same without an object per record. */
function seeInPlace(reader: Reader, columns: RecordColumns, from: number, end: number): void {
  const { buffer, keyStart, keyLength, valueStart, valueLength } = columns
  for (let i = from; i < end; i++) {
    const length = valueLength[i]!
    const start = valueStart[i]!
    reader.seeParts(buffer[keyStart[i]! + keyLength[i]! - 1]!, length, buffer[start]!, buffer[start + length - 1]!)
  }
}
