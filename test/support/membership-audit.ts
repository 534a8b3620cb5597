import { setTimeout as sleep } from 'node:timers/promises'

import type { ExecutionContext } from 'ava'

import { KafkaError, tpKey } from '../../core/index.ts'
import type { Client, Consumer, ConsumerBatch, ConsumerOptions } from '../../core/index.ts'
import { numbers } from './client-kit.ts'

/** The ways to be a member of a group. */
export const kinds: Readonly<Record<string, ConsumerOptions>> = {
  'the eager protocol': { partitionAssignmentStrategy: ['range'], heartbeatIntervalMs: 50 },
  'the cooperative protocol': { partitionAssignmentStrategy: ['cooperative-sticky'], heartbeatIntervalMs: 50 },
  'the protocol of KIP-848': { groupProtocol: 'consumer' },
}

export const reading = { autoOffsetReset: 'earliest', fetchMaxWaitMs: 20, maxPollRecords: 10, maxPartitionFetchBytes: 300 } as const

/** Members of one group, what they have read, and who owns what. They commit what they have done before they give a partition up, slowly. */
export class Audit {
  readonly seen: string[] = []
  readonly #t: ExecutionContext
  readonly #client: Client
  readonly #options: ConsumerOptions
  readonly #owners = new Map<string, number>()
  readonly #members: { consumer: Consumer; stop: boolean; done: Promise<void> }[] = []
  #failure: unknown

  constructor(t: ExecutionContext, client: Client, groupId: string, kind: ConsumerOptions) {
    this.#t = t
    this.#client = client
    this.#options = { groupId, ...reading, ...kind }
  }

  start(topic: string, kind: ConsumerOptions = {}): void {
    const { groupId } = this.#options
    const consumer = this.#client.consumer(kind.groupProtocol === 'consumer' ? { groupId: groupId!, ...reading, ...kind } : this.#options)
    const id = this.#members.length
    consumer.subscribe([topic], {
      onAssigned: (tps) => {
        for (const tp of tps) {
          this.#t.is(this.#owners.get(tpKey(tp)), undefined, `${tpKey(tp)} has one owner`)
          this.#owners.set(tpKey(tp), id)
        }
      },
      onRevoked: async (tps) => {
        await consumer.commit()
        await sleep(30)
        for (const tp of tps) this.#owners.delete(tpKey(tp))
      },
      onLost: (tps) => this.#t.fail(`lost ${tps.map(tpKey).join(' ')}`),
    })
    const member = { consumer, stop: false, done: Promise.resolve() }
    member.done = this.#run(member, id).catch((error: unknown) => void (this.#failure ??= error))
    this.#members.push(member)
  }

  assigned(id: number): boolean {
    return this.#members[id]!.consumer.assignment().length > 0
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.#failure !== undefined) throw this.#failure
      await sleep(10)
    }
  }

  async stop(id: number): Promise<void> {
    this.#members[id]!.stop = true
    await this.#members[id]!.done
  }

  async end(): Promise<void> {
    for (const member of this.#members) member.stop = true
    await Promise.all(this.#members.map(({ done }) => done))
    if (this.#failure !== undefined) throw this.#failure
  }

  async #run(member: { consumer: Consumer; stop: boolean }, id: number): Promise<void> {
    const { consumer } = member
    while (!member.stop) for (const batch of await consumer.poll(50)) this.seen.push(...valuesOf(batch))
    await this.#commitLast(consumer)
    for (const [key, owner] of this.#owners) if (owner === id) this.#owners.delete(key)
    await consumer.close()
  }

  /** A rebalance may be on its way: then the next poll sees to it. */
  async #commitLast(consumer: Consumer): Promise<void> {
    for (;;) {
      try {
        return await consumer.commit()
      } catch (error) {
        if (!(error instanceof KafkaError) || error.kafkaCode !== 'REBALANCE_IN_PROGRESS') throw error
        for (const batch of await consumer.poll(50)) this.seen.push(...valuesOf(batch))
      }
    }
  }
}

export function valuesOf({ columns, from, count }: ConsumerBatch): string[] {
  return Array.from({ length: count }, (_, i) => columns.value(from + i)!.toString())
}

export async function produce(client: Client, topic: string, partitions: number, count: number, from = 0): Promise<void> {
  const producer = client.producer()
  const sent = numbers(count, from).map((value) => producer.send({ topic, partition: Number(value) % partitions, value }))
  await Promise.all(sent)
  await producer.close()
}
