import type { Clock } from '../base/clock.ts'
import type { CompressionName } from '../record/compression-names.ts'
import type { SettledBatch } from './interceptors.ts'
import type { PendingBatch } from './pending-batch.ts'

export interface AccumulatorOptions {
  clock: Clock
  compressionType: CompressionName
  compressionLevel: number | undefined
  lingerMs: number
  batchSize: number
  maxRequestSize: number
  bufferMemory: number
  /** Called when there is something to send. */
  wake: () => void
  /** A batch has been written, or has failed. */
  settled: ((batch: SettledBatch) => void) | undefined
  /** A batch has failed for good. */
  onFailed: (batch: PendingBatch, error: Error) => void
  /** Throws when there is no such partition. Asked once per partition. */
  check: (topic: string, partition: number) => void
}
