import { MoldauError } from '../../base/errors.ts'

/** Settings of the cleaner: Kafka's broker settings `log.cleaner.*` in camelCase, with Kafka's defaults. */
export interface CleanerConfig {
  /** `log.cleaner.backoff.ms`: pause when there was nothing to clean. 15 s. */
  readonly backoffMs: number
  /** `log.cleaner.threads`: logs that are cleaned at a time; all of them share the one event loop. 1. */
  readonly threads: number
  /** `log.cleaner.io.max.bytes.per.second`: read and written together. No limit. */
  readonly ioMaxBytesPerSecond: number
  /** `log.cleaner.io.buffer.size`: memory to read and to write through, over all threads. 512 KiB. */
  readonly ioBufferBytes: number
  /** `log.cleaner.dedupe.buffer.size`: memory for keys, over all threads; taken while a log is cleaned, and no more than its keys need. 128 MiB. */
  readonly dedupeBufferBytes: number
  /** `log.cleaner.io.buffer.load.factor`: how full the table of keys may get. 0.9. */
  readonly loadFactor: number
}

export const cleanerConfigDefaults: CleanerConfig = {
  backoffMs: 15_000,
  threads: 1,
  ioMaxBytesPerSecond: Number.MAX_VALUE,
  ioBufferBytes: 512 * 1024,
  dedupeBufferBytes: 128 * 1024 * 1024,
  loadFactor: 0.9,
}

/** The table of one thread is one typed array, whose positions are int32. */
export const DEDUPE_BYTES_MAX = 0x7fff_ffff
const DEDUPE_BYTES_MIN = 1024 * 1024

/** The defaults with the given settings on top. INVALID_CONFIG as Kafka, when a thread would have less than 1 MiB for keys. */
export function cleanerConfig(settings: Partial<CleanerConfig> = {}): CleanerConfig {
  const config = { ...cleanerConfigDefaults, ...settings }
  if (config.dedupeBufferBytes / config.threads >= DEDUPE_BYTES_MIN) return config
  throw new MoldauError(
    'INVALID_CONFIG',
    `log.cleaner.dedupe.buffer.size is ${config.dedupeBufferBytes}, it must be at least 1 MiB for each of log.cleaner.threads (${config.threads})`,
  )
}
