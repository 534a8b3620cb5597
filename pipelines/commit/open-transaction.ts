import type { Settings } from '../options.ts'
import { type Part, waits } from '../plan.ts'
import { AtLeastOnce } from './at-least-once.ts'
import { AtMostOnce } from './at-most-once.ts'
import { BestEffort } from './best-effort.ts'
import { ExactlyOnce } from './exactly-once.ts'
import type { Transaction } from './transaction.ts'
import { BUFFERED_BYTES_MAX } from './writing.ts'

/** Fill whole requests: records of an epoch come all at once. */
const BATCH_BYTES = 256 * 1024
/** After how long the coordinator aborts the transaction of a process that has died, in milliseconds: as in Kafka Streams. */
const TIMEOUT_MS = 10_000

/**
 * What the guarantee of a run asks for.
 *
 * @param parts what runs inside the transaction: where nothing waits it is over soon, so a dead process's does not hold up others for long
 */
export function openTransaction(settings: Settings, transactionalId: string, parts: readonly Part[]): Transaction {
  const { client, guarantee, clock, logger, watchdogMs } = settings
  const options = { batchSize: BATCH_BYTES, bufferMemory: BUFFERED_BYTES_MAX }
  switch (guarantee) {
    case 'exactly-once':
      return new ExactlyOnce(
        client.producer({ ...options, transactionalId, transactionTimeoutMs: TIMEOUT_MS + (waits(parts) ? watchdogMs : 0) }),
      )
    case 'at-least-once':
      return new AtLeastOnce(client.producer(options))
    case 'at-most-once':
      return new AtMostOnce(client.producer(options))
    case 'none':
      return new BestEffort(client.producer(options), clock, logger)
  }
}
