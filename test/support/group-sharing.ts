import { setTimeout as sleep } from 'node:timers/promises'

import type { Client, ConsumerOptions } from '../../core/index.ts'
import { numbers } from './client-kit.ts'
import { valuesOf } from './membership-audit.ts'

/** Somebody in a group, of us or not: what it has read, and how many partitions it has now. */
export interface SharingMember {
  readonly seen: readonly string[]
  partitions(): number
  end(): Promise<void>
}

/** A consumer of ours that commits what it gives up. */
export function ourMember(client: Client, topic: string, options: ConsumerOptions): SharingMember {
  const consumer = client.consumer({ autoOffsetReset: 'earliest', fetchMaxWaitMs: 50, ...options })
  consumer.subscribe([topic], { onRevoked: () => consumer.commit(), onLost: () => {} })
  const seen: string[] = []
  let stop = false
  const done = (async () => {
    while (!stop) for (const batch of await consumer.poll(50)) seen.push(...valuesOf(batch))
    await consumer.close()
  })()
  const end = (): Promise<void> => {
    stop = true
    return done
  }
  return { seen, partitions: () => consumer.assignment().length, end }
}

/** Numbered records, a few at a time, over four partitions, until it is stopped; answers how many. */
export function numberStream(client: Client, topic: string): () => Promise<number> {
  const producer = client.producer()
  let stop = false
  const done = (async () => {
    let sent = 0
    for (; !stop; sent += 8) {
      await Promise.all(numbers(8, sent).map((value) => producer.send({ topic, partition: Number(value) % 4, value })))
      await sleep(20)
    }
    await producer.close()
    return sent
  })()
  return () => {
    stop = true
    return done
  }
}
