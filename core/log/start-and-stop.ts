import { messageOf } from '../base/errors.ts'
import type { Logger } from '../base/logger.ts'
import type { PartitionLog } from './partition-log.ts'

/** Partitions that sync at a time when the broker stops. */
const CLOSING_MAX = 16

/** Recovers logs after a stop that was not clean, letting everything else run between two. */
export async function recoverAll(logs: readonly PartitionLog[], logger: Logger): Promise<void> {
  for (const log of logs) {
    try {
      log.recover()
    } catch (error) {
      // The others are served; this one answers its error to whoever asks, and is tried again then.
      logger.error({ topic: log.topic, partition: log.partition, error: messageOf(error) }, 'the log cannot be opened')
    }
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/** Closes logs, some at a time. Answers how many could not be closed well. */
export async function closeAll(logs: readonly PartitionLog[], logger: Logger): Promise<number> {
  const left = [...logs]
  let failed = 0
  const closeNext = async (): Promise<void> => {
    for (let log = left.pop(); log !== undefined; log = left.pop()) {
      if (log.failure !== undefined) failed++
      try {
        await log.close()
      } catch (error) {
        failed++
        logger.error({ topic: log.topic, partition: log.partition, error: messageOf(error) }, 'the log cannot be closed')
      }
    }
  }
  await Promise.all(Array.from({ length: CLOSING_MAX }, closeNext))
  return failed
}
