import { ABORT_EVERY, fail, type Library, PER_TRANSACTION, say } from './js-library.ts'

/** What is used of kafkajs 2. */
interface KafkaJs {
  Kafka: new (options: object) => { producer(options: object): KafkaJsProducer; consumer(options: object): KafkaJsConsumer }
  CompressionTypes: { GZIP: number }
  logLevel: { ERROR: number }
}

interface Sender {
  send(batch: { topic: string; messages: object[]; acks?: number; compression?: number }): Promise<unknown>
}

interface KafkaJsProducer extends Sender {
  connect(): Promise<void>
  disconnect(): Promise<void>
  transaction(): Promise<KafkaJsTransaction>
}

interface KafkaJsTransaction extends Sender {
  sendOffsets(offsets: {
    consumerGroupId: string
    topics: { topic: string; partitions: { partition: number; offset: string }[] }[]
  }): Promise<void>
  commit(): Promise<void>
  abort(): Promise<void>
}

interface KafkaJsMessage {
  offset: string
  value: Buffer
}

interface EachBatch {
  batch: { topic: string; partition: number; messages: KafkaJsMessage[] }
  resolveOffset(offset: string): void
  heartbeat(): Promise<void>
  isRunning(): boolean
  isStale(): boolean
}

interface KafkaJsConsumer {
  connect(): Promise<void>
  disconnect(): Promise<void>
  subscribe(topics: { topics: string[]; fromBeginning: boolean }): Promise<void>
  run(options: object): Promise<void>
  on(event: 'consumer.crash', listener: (crash: { payload: { error: Error; restart: boolean } }) => void): void
}

export function kafkajs(library: unknown, bootstrap: string): Library {
  const { Kafka, CompressionTypes, logLevel } = library as KafkaJs
  const kafka = new Kafka({
    clientId: 'test',
    brokers: [bootstrap],
    logLevel: logLevel.ERROR,
    retry: { initialRetryTime: 50, retries: 10 },
  })
  const open: { disconnect(): Promise<void> }[] = []
  const member = async (group: string, topic: string): Promise<KafkaJsConsumer> => {
    const timing = { sessionTimeout: 6000, rebalanceTimeout: 10_000, heartbeatInterval: 500, maxWaitTimeInMs: 100 }
    const consumer = kafka.consumer({ groupId: group, ...timing, readUncommitted: false })
    consumer.on('consumer.crash', ({ payload }) => {
      say(`crash ${payload.error}`)
      if (!payload.restart) process.exit(1)
    })
    open.push(consumer)
    await consumer.connect()
    await consumer.subscribe({ topics: [topic], fromBeginning: true })
    return consumer
  }
  return {
    async produce(topic, partitions, from, to) {
      const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 })
      open.push(producer)
      await producer.connect()
      const numbered = Array.from({ length: to - from }, (_, i) => from + i)
      const messages = numbered.map((n) => ({ partition: n % partitions, key: `${n}`, value: `${n}`, headers: { n: `${n}` } }))
      await producer.send({ topic, messages, acks: -1, compression: CompressionTypes.GZIP })
    },
    async consume(topic, group) {
      const consumer = await member(group, topic)
      await consumer.run({
        autoCommitInterval: 500,
        eachMessage: async (read: { topic: string; partition: number; message: KafkaJsMessage }) =>
          say(`read ${read.topic}-${read.partition} ${read.message.offset} ${read.message.value.toString()}`),
      })
    },
    async copy(source, target, group, transactionalId) {
      const producer = kafka.producer({ transactionalId, idempotent: true, maxInFlightRequests: 1, transactionTimeout: 10_000 })
      open.push(producer)
      await producer.connect()
      // The transaction of a predecessor that was killed ends here, before its offsets are asked for.
      await (await producer.transaction()).abort()
      const consumer = await member(group, source)
      let transactions = 0
      const begin = async (partition: number, messages: readonly KafkaJsMessage[]): Promise<KafkaJsTransaction> => {
        const transaction = await producer.transaction()
        await transaction.send({ topic: target, messages: messages.map(({ value }) => ({ partition, value })) })
        return transaction
      }
      const eachBatch = async ({ batch, resolveOffset, heartbeat, isRunning, isStale }: EachBatch): Promise<void> => {
        const { topic, partition, messages } = batch
        for (let at = 0; at < messages.length && isRunning() && !isStale(); at += PER_TRANSACTION) {
          const some = messages.slice(at, at + PER_TRANSACTION)
          if (++transactions % ABORT_EVERY === 0) await (await begin(partition, some)).abort()
          const transaction = await begin(partition, some)
          const next = String(Number(some.at(-1)!.offset) + 1)
          await transaction.sendOffsets({ consumerGroupId: group, topics: [{ topic, partitions: [{ partition, offset: next }] }] })
          await transaction.commit()
          say(`copied ${some.length}`)
          resolveOffset(some.at(-1)!.offset)
          await heartbeat()
        }
      }
      await consumer.run({ autoCommit: false, eachBatchAutoResolve: false, eachBatch: (each: EachBatch) => eachBatch(each).catch(fail) })
    },
    async stop() {
      for (const each of open.toReversed()) await each.disconnect()
    },
  }
}
