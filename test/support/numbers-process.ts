/**
 * Writes 0, 1, 2 ... into each partition of a topic in transactions, some of which it aborts, in a process of its own, until it is killed:
 * `node numbers-process.ts <options as JSON>`. Where it was is kept as an offset of its group, committed with the records.
 */
import { flushCompileCache } from 'node:module'
import { setTimeout as wait } from 'node:timers/promises'

import { connect, KafkaError, MoldauError } from '../../core/index.ts'
import { copyKey } from './copying.ts'
import { seededNumbers } from './seeded-numbers.ts'

export interface NumbersOptions {
  readonly bootstrap: string
  readonly name: string
  readonly topic: string
  readonly partitions: number
  /** Pauses between transactions, at most. Milliseconds. */
  readonly dawdleMs: number
  readonly seed: number
  readonly abortShare: number
  readonly transactionTimeoutMs: number
}

const { bootstrap, name, topic, partitions, dawdleMs, seed, abortShare, transactionTimeoutMs } = JSON.parse(
  process.argv[2]!,
) as NumbersOptions
const random = seededNumbers(seed)
const group = { groupId: name, generation: -1, memberId: '', groupInstanceId: null }
/** As much in all, however many partitions there are: copiers must keep up. */
const perPartition = Math.max(2, 80 / partitions)
let transaction = 0
flushCompileCache()
// Fenced, by its own successor or because its time was up: again from what is committed.
for (;;) await live()

async function live(): Promise<void> {
  const client = await connect(bootstrap, { clientId: name, bootstrapTimeoutMs: 600_000, requestTimeoutMs: 5000 })
  const producer = client.producer({ transactionalId: name, lingerMs: 0, transactionTimeoutMs, maxBlockMs: 600_000 })
  try {
    // Before it looks: what its predecessor left open is settled then.
    await producer.init()
    const next = Array.from({ length: partitions }, () => 0)
    for (const { partition, offset } of await client.admin.listConsumerGroupOffsets(name)) next[partition] = offset
    for (;;) {
      await wait(random() * dawdleMs)
      const aborts = random() < abortShare
      const key = copyKey(name, transaction++, aborts)
      const then = next.map((number) => number + Math.floor(random() * perPartition))
      producer.begin()
      const sent = then.flatMap((end, partition) =>
        Array.from({ length: end - next[partition]! }, (_, i) =>
          producer.send({ topic, partition, key, value: String(next[partition]! + i) }),
        ),
      )
      await Promise.all(sent)
      await producer.sendOffsets(
        then.map((offset, partition) => ({ topic, partition, offset })),
        group,
      )
      if (aborts) await producer.abort()
      else {
        await producer.commit()
        for (const [partition, end] of then.entries()) next[partition] = end
      }
    }
  } catch (error) {
    if (!(error instanceof MoldauError) && !(error instanceof KafkaError)) throw error
  } finally {
    await producer.close(0).catch(() => {})
    await client.close().catch(() => {})
  }
}
