import { ABORT_EVERY, type Library, PER_TRANSACTION, say } from './js-library.ts'

/** What is used of @platformatic/kafka 2. */
interface Platformatic {
  Producer: new (options: object) => PlatformaticProducer
  Consumer: new (options: object) => PlatformaticConsumer
  stringSerializers: object
  stringDeserializers: object
}

interface Sender {
  send(batch: { messages: object[] }): Promise<unknown>
}

interface PlatformaticProducer extends Sender {
  beginTransaction(): Promise<PlatformaticTransaction>
  close(): Promise<void>
}

interface PlatformaticTransaction extends Sender {
  addConsumer(consumer: PlatformaticConsumer): Promise<void>
  addOffset(message: PlatformaticMessage): Promise<void>
  commit(): Promise<void>
  abort(): Promise<void>
  /** Forgets it without a word to the broker. */
  cancel(): Promise<void>
}

interface PlatformaticMessage {
  topic: string
  partition: number
  offset: bigint
  value: string
}

interface PlatformaticStream extends AsyncIterable<PlatformaticMessage> {
  readonly readableLength: number
  on(event: 'error', listener: (error: Error) => void): void
  close(): Promise<void>
}

interface PlatformaticConsumer {
  consume(options: object): Promise<PlatformaticStream>
  close(): Promise<void>
}

export function platformatic(library: unknown, bootstrap: string): Library {
  const { Producer, Consumer, stringSerializers, stringDeserializers } = library as Platformatic
  const base = { clientId: 'test', bootstrapBrokers: [bootstrap], retries: 20, retryDelay: 100 }
  // In the order in which they are opened.
  const open: { close(): Promise<void> }[] = []
  const producerOf = (options: object): PlatformaticProducer => {
    const producer = new Producer({ ...base, serializers: stringSerializers, idempotent: true, ...options })
    open.push(producer)
    return producer
  }
  const member = async (group: string, topic: string, options: object): Promise<[PlatformaticConsumer, PlatformaticStream]> => {
    const timing = { sessionTimeout: 6000, rebalanceTimeout: 10_000, heartbeatInterval: 500, maxWaitTime: 100 }
    const consumer = new Consumer({ ...base, groupId: group, deserializers: stringDeserializers, ...timing })
    open.push(consumer)
    const where = { topics: [topic], mode: 'committed', fallbackMode: 'earliest', isolationLevel: 1, minBytes: 1 }
    const stream = await consumer.consume({ ...where, ...options })
    stream.on('error', (error) => say(`error ${error}`))
    open.push(stream)
    return [consumer, stream]
  }
  return {
    async produce(topic, partitions, from, to) {
      const producer = producerOf({ compression: 'zstd' })
      const numbered = Array.from({ length: to - from }, (_, i) => from + i)
      await producer.send({
        messages: numbered.map((n) => ({ topic, partition: n % partitions, key: `${n}`, value: `${n}`, headers: { n: `${n}` } })),
      })
    },
    async consume(topic, group) {
      const [, stream] = await member(group, topic, { autocommit: 500 })
      for await (const { partition, offset, value } of stream) say(`read ${topic}-${partition} ${offset} ${value}`)
    },
    async copy(source, target, group, transactionalId) {
      // Of itself it asks to go on as producer 0 in epoch 0, which is refused to all but the first of a cluster.
      const producer = producerOf({ transactionalId, producerId: -1n, producerEpoch: -1 })
      // The transaction of a predecessor that was killed ends here, before its offsets are asked for.
      await (await producer.beginTransaction()).cancel()
      const [consumer, stream] = await member(group, source, { autocommit: false })
      let transactions = 0
      const begin = async (messages: readonly PlatformaticMessage[]): Promise<PlatformaticTransaction> => {
        const transaction = await producer.beginTransaction()
        await transaction.send({ messages: messages.map(({ partition, value }) => ({ topic: target, partition, value })) })
        return transaction
      }
      let some: PlatformaticMessage[] = []
      for await (const message of stream) {
        some.push(message)
        // What has come already goes together.
        if (some.length < PER_TRANSACTION && stream.readableLength > 0) continue
        if (++transactions % ABORT_EVERY === 0) await (await begin(some)).abort()
        const transaction = await begin(some)
        await transaction.addConsumer(consumer)
        const last = new Map(some.map((each) => [each.partition, each]))
        for (const each of last.values()) await transaction.addOffset(each)
        await transaction.commit()
        say(`copied ${some.length}`)
        some = []
      }
    },
    async stop() {
      for (const each of open.toReversed()) await each.close()
    },
  }
}
