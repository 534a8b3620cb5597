import type { Channel } from '../../core/net/channel.ts'
import { type KafkaErrorName, errorName } from '../../core/protocol/errors.ts'
import { AddPartitionsToTxn } from '../../core/protocol/messages/add-partitions-to-txn.ts'
import { EndTxn } from '../../core/protocol/messages/end-txn.ts'
import { InitProducerId } from '../../core/protocol/messages/init-producer-id.ts'
import { Produce } from '../../core/protocol/messages/produce.ts'
import { batch } from './wire.ts'

/**
 * What idempotent and transactional producers may do, in and out of order: sent to a real Kafka and to our broker, it must be answered alike.
 */

export const scriptTopics: Readonly<Record<string, Record<string, string>>> = {
  plain: {},
  'append-time': { 'message.timestamp.type': 'LogAppendTime' },
  transactions: {},
}

/** So far in the future lie the times of records, that nobody takes them for those of a broker. Kafka reckons the age of a producer by them. */
const AHEAD_MS = 600_000

interface Send {
  topic: string
  producer: Producer
  sequence: number
  records?: number
  version?: number
  transactionalId?: string
  partition?: number
  timestamp?: number
}

interface Producer {
  producerId: number
  producerEpoch: number
}

interface Answer {
  error: KafkaErrorName
  offset: number
  time: number
}

/** Runs the script against a broker; what it answers is told in words that do not depend on times and ids. */
export class ProducerScript {
  readonly answers: string[]
  readonly #channel: Channel
  readonly #now: number

  constructor(channel: Channel, now: number) {
    this.answers = []
    this.#channel = channel
    this.#now = now
  }

  /** Repetitions: which of the last batches are known, and what is answered for them. */
  async repetitions(): Promise<void> {
    for (const [topic, producerId] of [
      ['plain', 7001],
      ['append-time', 7002],
    ] as const) {
      const producer = { producerId, producerEpoch: 0 }
      const first: Answer[] = []
      for (let i = 0; i < 6; i++) first.push(await this.#send({ topic, producer, sequence: 2 * i, records: 2 }))
      for (const [i, each] of first.entries()) this.#say(`${topic} ${i}`, each, first)
      for (let i = 0; i < 6; i++)
        this.#say(`${topic} ${i} again`, await this.#send({ topic, producer, sequence: 2 * i, records: 2 }), first)
      this.#say(`${topic} 5 with fewer records`, await this.#send({ topic, producer, sequence: 10 }), first)
      this.#say(`${topic} across two batches`, await this.#send({ topic, producer, sequence: 9, records: 2 }), first)
      this.#say(`${topic} a gap`, await this.#send({ topic, producer, sequence: 13 }), first)
      this.#say(`${topic} next`, await this.#send({ topic, producer, sequence: 12 }), first)
      const bumped = { producerId, producerEpoch: 3 }
      this.#say(`${topic} another epoch, not from 0`, await this.#send({ topic, producer: bumped, sequence: 13 }), first)
      this.#say(`${topic} another epoch`, await this.#send({ topic, producer: bumped, sequence: 0 }), first)
      this.#say(`${topic} the epoch before, again`, await this.#send({ topic, producer, sequence: 12 }), first)
      this.#say(`${topic} another epoch, again`, await this.#send({ topic, producer: bumped, sequence: 0 }), first)
    }
    const unknown = { producerId: 7003, producerEpoch: 5 }
    for (const version of [11, 12]) {
      const producer = { ...unknown, producerId: 7003 + version }
      for (const sequence of [9, 8, 10])
        this.#say(`unknown, ${sequence} by ${version}`, await this.#send({ topic: 'plain', producer, sequence, version }))
    }
  }

  /** Transactions v2: Produce adds the partition, the end raises the epoch. */
  async second(): Promise<void> {
    const transactionalId = 'script-2'
    let producer = await this.#init(transactionalId, 5)
    const send = async (sequence: number, partition = 0, who = producer): Promise<void> =>
      this.#say(
        `v2 ${partition} ${sequence}`,
        await this.#send({ topic: 'transactions', producer: who, sequence, partition, version: 12, transactionalId }),
      )
    for (const sequence of [3, 1, 0, 2, 1, 0, 2]) await send(sequence)
    for (const sequence of [4, 0, 1]) await send(sequence, 1)
    this.#say('v2 outside', await this.#send({ topic: 'transactions', producer, sequence: 3 }))
    const before = producer
    producer = await this.#end(transactionalId, producer, true, 5)
    this.answers.push(`v2 epoch rises by ${producer.producerEpoch - before.producerEpoch}`)
    for (const sequence of [5, 3, 0, 1]) await send(sequence)
    await send(2, 0, before)
    await send(7, 1)
    await send(0, 1)
    await this.#end(transactionalId, producer, false, 5)
  }

  /** Transactions of before: partitions are added by a call of their own, and an unknown producer may begin anywhere. */
  async first(): Promise<void> {
    const transactionalId = 'script-1'
    const producer = await this.#init(transactionalId, 4)
    const send = async (sequence: number, partition: number, version = 11): Promise<void> =>
      this.#say(
        `v1 ${partition} ${sequence}`,
        await this.#send({ topic: 'transactions', producer, sequence, partition, version, transactionalId }),
      )
    await this.#add(transactionalId, producer, 2)
    for (const sequence of [6, 7, 9, 6, 8]) await send(sequence, 2)
    this.#say('v1 outside', await this.#send({ topic: 'transactions', producer, sequence: 9, partition: 2 }))
    // Refused, since the partition is not part of the transaction yet: those behind it must not overtake it.
    await send(3, 3, 10)
    await send(2, 3, 10)
    await this.#add(transactionalId, producer, 3)
    for (const sequence of [5, 3, 2, 3, 4]) await send(sequence, 3)
    await this.#end(transactionalId, producer, true, 4)
  }

  /** A producer that has been silent for so long that it is forgotten. */
  async expiry(): Promise<void> {
    const producer = { producerId: 7100, producerEpoch: 4 }
    const send = (sequence: number, who = producer): Promise<Answer> =>
      this.#send({ topic: 'plain', producer: who, sequence, timestamp: this.#now })
    for (const sequence of [0, 1]) this.#say(`before expiry ${sequence}`, await send(sequence))
    let forgotten = await send(50)
    this.answers.push(`a gap before expiry: ${forgotten.error}`)
    while (forgotten.error === 'OUT_OF_ORDER_SEQUENCE_NUMBER') {
      await new Promise((resolve) => setTimeout(resolve, 50))
      forgotten = await send(50)
    }
    this.answers.push(`a gap after expiry: ${forgotten.error}`)
    for (const sequence of [50, 0, 52, 51]) {
      const { error, offset } = await send(sequence)
      this.answers.push(`after expiry ${sequence}: ${error} ${offset < 0 ? 'none' : offset - forgotten.offset}`)
    }
    const older = { producerId: 7100, producerEpoch: 3 }
    this.answers.push(`after expiry, an older epoch: ${(await send(0, older)).error}`)
  }

  #say(what: string, { error, offset, time }: Answer, first: readonly Answer[] = []): void {
    const appended = first.findIndex((each) => each.time >= 0 && each.time === time)
    const sent = time - this.#now - AHEAD_MS
    const told =
      time < 0 ? 'no time' : appended >= 0 ? `time of the first answer` : sent >= 0 && sent < 1000 ? `sent ${sent}` : 'another time'
    this.answers.push(`${what}: ${error} ${offset} ${told}`)
  }

  async #send({
    topic,
    producer,
    sequence,
    records = 1,
    version = 11,
    transactionalId,
    partition = 0,
    timestamp = this.#now + AHEAD_MS + sequence,
  }: Send): Promise<Answer> {
    const values = Array.from({ length: records }, (_, i) => `${sequence + i}`)
    const ids = { ...producer, baseSequence: sequence, transactional: transactionalId !== undefined }
    for (;;) {
      const { responses } = await this.#channel.request(Produce, version, {
        ...(transactionalId !== undefined && { transactionalId }),
        acks: -1,
        timeoutMs: 5000,
        topicData: [{ name: topic, partitionData: [{ index: partition, records: batch(values, ids, timestamp) }] }],
      })
      const { errorCode, baseOffset, logAppendTimeMs } = responses[0]!.partitionResponses[0]!
      const error = errorName(errorCode)
      if (!isPassing(error)) return { error, offset: baseOffset, time: logAppendTimeMs }
      await pause()
    }
  }

  async #init(transactionalId: string, version: number): Promise<Producer> {
    for (;;) {
      const { errorCode, producerId, producerEpoch } = await this.#channel.request(InitProducerId, version, {
        transactionalId,
        transactionTimeoutMs: 60_000,
      })
      const error = errorName(errorCode)
      if (error === 'NONE') return { producerId, producerEpoch }
      if (!isPassing(error)) throw new Error(error)
      await pause()
    }
  }

  async #add(transactionalId: string, producer: Producer, partition: number): Promise<void> {
    for (;;) {
      const { resultsByTopicV3AndBelow } = await this.#channel.request(AddPartitionsToTxn, 3, {
        v3AndBelowTransactionalId: transactionalId,
        v3AndBelowProducerId: producer.producerId,
        v3AndBelowProducerEpoch: producer.producerEpoch,
        v3AndBelowTopics: [{ name: 'transactions', partitions: [partition] }],
      })
      const error = errorName(resultsByTopicV3AndBelow[0]!.resultsByPartition[0]!.partitionErrorCode)
      if (!isPassing(error)) return void this.answers.push(`added: ${error}`)
      await pause()
    }
  }

  async #end(transactionalId: string, producer: Producer, committed: boolean, version: number): Promise<Producer> {
    for (;;) {
      const { errorCode, producerId, producerEpoch } = await this.#channel.request(EndTxn, version, {
        transactionalId,
        ...producer,
        committed,
      })
      const error = errorName(errorCode)
      if (!isPassing(error)) {
        this.answers.push(`ended: ${error}`)
        return version >= 5 ? { producerId, producerEpoch } : producer
      }
      await pause()
    }
  }
}

/** A real broker says so while its coordinators begin, or end the transaction before. */
function isPassing(error: KafkaErrorName): boolean {
  return [
    'COORDINATOR_NOT_AVAILABLE',
    'COORDINATOR_LOAD_IN_PROGRESS',
    'NOT_COORDINATOR',
    'CONCURRENT_TRANSACTIONS',
    'NOT_ENOUGH_REPLICAS',
  ].includes(error)
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 100))
}
