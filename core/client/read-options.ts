import { editDistance } from '../base/edit-distance.ts'
import { MoldauError } from '../base/errors.ts'

/** Kafka's names where they are not ours with dots. */
const kafkaNames: Readonly<Record<string, string>> = {
  'enable.idempotence': 'idempotent',
  'compression.type': 'compression',
  'batch.size': 'batchBytes',
  'max.request.size': 'maxRequestBytes',
  'buffer.memory': 'bufferBytes',
  'partitioner.class': 'partitioner',
  'isolation.level': 'isolation',
  'fetch.min.bytes': 'minBytes',
  'fetch.max.wait.ms': 'maxWaitMs',
  'fetch.max.bytes': 'maxBytes',
  'max.partition.fetch.bytes': 'maxPartitionBytes',
  'check.crcs': 'checkCrcs',
  'max.poll.interval.ms': 'rebalanceTimeoutMs',
  'enable.auto.commit': 'autoCommit',
  'partition.assignment.strategy': 'assignors',
  'metadata.max.age.ms': 'metadataMaxAgeMs',
}

/**
 * Brings dotted names into our spelling and refuses unknown ones and impossible numbers.
 *
 * @throws MoldauError INVALID_CONFIG naming the option, with the nearest name that exists
 */
export function readOptions<T extends object>(who: string, options: T, names: readonly string[]): T {
  const read: Record<string, unknown> = {}
  for (const [given, value] of Object.entries(options)) {
    if (value === undefined) continue
    const name =
      kafkaNames[given] ?? (given.includes('.') ? given.replaceAll(/\.([a-z])/g, (_, letter: string) => letter.toUpperCase()) : given)
    if (!names.includes(name)) throw new MoldauError('INVALID_CONFIG', `${who}: there is no option '${given}'${suggestion(name, names)}`)
    if (typeof value === 'number' && name !== 'acks' && (!Number.isFinite(value) || value < 0)) {
      throw new MoldauError('INVALID_CONFIG', `${who}: ${given} must be a number of at least 0, not ${value}`)
    }
    read[name] = value
  }
  return read as T
}

function suggestion(name: string, names: readonly string[]): string {
  let best = ''
  let least = Math.max(2, Math.floor(name.length / 3)) + 1
  for (const candidate of names) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase())
    if (distance < least) [best, least] = [candidate, distance]
  }
  return best === '' ? `; there are: ${names.join(', ')}` : `: did you mean '${best}'?`
}
