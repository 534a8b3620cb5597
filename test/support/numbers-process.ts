/**
 * Writes 0, 1, 2 ... into each partition of a topic in transactions, some of which it aborts, in a process of its own that may be killed:
 * `node numbers-process.ts <options as JSON>`. Where it was is kept as an offset of its group, committed with the records.
 */
import { connect, KafkaError, MoldauError } from '../../core/index.ts'
import { copyKey } from './copying.ts'
import { seededNumbers } from './seeded-numbers.ts'

export interface NumbersOptions {
  readonly bootstrap: string
  readonly name: string
  readonly topic: string
  readonly partitions: number
  /** Into each partition. */
  readonly count: number
  readonly seed: number
  readonly abortShare: number
  readonly transactionTimeoutMs: number
}

const { bootstrap, name, topic, partitions, count, seed, abortShare, transactionTimeoutMs } = JSON.parse(process.argv[2]!) as NumbersOptions
const random = seededNumbers(seed)
const group = { groupId: name, generation: -1, memberId: '', groupInstanceId: null }
let transaction = 0
while (!(await live())) {
  // Fenced, by its own successor or because its time was up: again from what is committed.
}
process.exit(0)

/** True when everything is written. */
async function live(): Promise<boolean> {
  const client = await connect(bootstrap, { clientId: name, bootstrapTimeoutMs: 600_000, requestTimeoutMs: 5000 })
  const producer = client.producer({ transactionalId: name, lingerMs: 0, transactionTimeoutMs, maxBlockMs: 600_000 })
  try {
    // Before it looks: what its predecessor left open is settled then.
    await producer.init()
    const next = new Array<number>(partitions).fill(0)
    for (const { partition, offset } of await client.admin.groupOffsets(name)) next[partition] = offset
    while (next.some((number) => number < count)) {
      const aborts = random() < abortShare
      const key = copyKey(name, transaction++, aborts)
      const then = next.map((number) => Math.min(count, number + Math.floor(random() * 20)))
      producer.begin()
      const sent = then.flatMap((end, partition) =>
        Array.from({ length: end - next[partition]! }, (_, i) => producer.send({ topic, partition, key, value: String(next[partition]! + i) })),
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
    return true
  } catch (error) {
    if (!(error instanceof MoldauError) && !(error instanceof KafkaError)) throw error
    return false
  } finally {
    await producer.close(0).catch(() => {})
    await client.close().catch(() => {})
  }
}
