import { messageOf } from '../base/errors.ts'
import { type CleanerConfig, cleanerConfig } from '../log/cleaner/config.ts'
import type { BrokerConfig } from './broker-config.ts'

const NAMES: ReadonlySet<string> = new Set([
  'log.cleaner.backoff.ms',
  'log.cleaner.threads',
  'log.cleaner.io.max.bytes.per.second',
  'log.cleaner.io.buffer.size',
  'log.cleaner.dedupe.buffer.size',
  'log.cleaner.io.buffer.load.factor',
])

/** Whether a setting of the broker tells its cleaner something. */
export function isOfCleaner(name: string): boolean {
  return NAMES.has(name)
}

/** What the cleaner is told. */
export function cleanerSettings(config: BrokerConfig): CleanerConfig {
  return {
    backoffMs: config.get('log.cleaner.backoff.ms'),
    threads: config.get('log.cleaner.threads'),
    ioMaxBytesPerSecond: config.get('log.cleaner.io.max.bytes.per.second'),
    ioBufferBytes: config.get('log.cleaner.io.buffer.size'),
    dedupeBufferBytes: config.get('log.cleaner.dedupe.buffer.size'),
    loadFactor: config.get('log.cleaner.io.buffer.load.factor'),
  }
}

/** Why the cleaner cannot go on with other settings, with the bounds that Kafka has for a change of its threads; undefined when it can. */
export function cleanerProblem(now: CleanerConfig, next: CleanerConfig): string | undefined {
  const { threads } = next
  if (threads < 1) return 'Log cleaner threads should be at least 1'
  if (threads < Math.floor(now.threads / 2)) {
    return `Log cleaner threads cannot be reduced to less than half the current value ${now.threads}`
  }
  if (threads > now.threads * 2) return `Log cleaner threads cannot be increased to more than double the current value ${now.threads}`
  try {
    cleanerConfig(next)
    return undefined
  } catch (error) {
    return messageOf(error)
  }
}
