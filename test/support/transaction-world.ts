import { ManualClock } from '../../core/base/clock.ts'
import { GroupCoordinator } from '../../core/coordinator/group-coordinator.ts'
import { TransactionCoordinator } from '../../core/coordinator/transaction-coordinator.ts'
import type { LeapingClock } from './leaping-clock.ts'
import type { MemoryPartitions } from './memory-partitions.ts'
import { MemoryTopics } from './memory-topics.ts'

export const at = (partition: number) => ({ topic: 't', partition })

/** Both coordinators over these partitions, ready to serve. The topic `t` has three. */
export async function start(
  writer: MemoryPartitions,
  options: { clock?: ManualClock | LeapingClock; unsyncedLost?: boolean; firstId?: number } = {},
) {
  if (!writer.exists('t', 0)) writer.create('t', 3)
  const clock = options.clock ?? new ManualClock()
  const config = { offsetsTopicNumPartitions: 2, transactionStateLogNumPartitions: 2 }
  const groups = new GroupCoordinator({ writer, clock, topics: new MemoryTopics(), config })
  let next = options.firstId ?? 0
  const producerIdStore = { reserve: async (count: number) => (next += count) - count }
  const transactions = new TransactionCoordinator({
    writer,
    clock,
    groups,
    producerIdStore,
    config,
    unsyncedLost: options.unsyncedLost ?? false,
  })
  await groups.load()
  await transactions.load()
  await groups.prepare()
  return { groups, transactions, clock, writer }
}

export const fatesOf = (writer: MemoryPartitions, partition = 0) =>
  writer.fates('t', partition).map(({ value, fate }) => `${value} ${fate}`)

/** Lets everything that is under way come to its end. */
export const settle = async (): Promise<void> => {
  for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve))
}
