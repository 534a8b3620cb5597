import { MoldauError } from '../base/errors.ts'
import { hintFor } from './option-hints.ts'
import { producerSettings } from './producer-options.ts'
import type { ProducerOptions } from './producer-options.ts'
import { readOptions, spellingOf } from './settings.ts'
import type { ReadOptions } from './settings.ts'

export type ReadProducerOptions = ReadOptions<typeof producerSettings> & { enableIdempotence: boolean }

/** With the defaults where nothing is given. @throws MoldauError INVALID_CONFIG */
export function readProducerOptions(options: ProducerOptions): ReadProducerOptions {
  const read = readOptions('producer', options, producerSettings, (spelling) => hintFor('client.producer()', spelling))
  const { acks, transactionalId } = read
  const enableIdempotence = read.enableIdempotence ?? acks === 'all'
  if (enableIdempotence && acks !== 'all') {
    throw new MoldauError('INVALID_CONFIG', `producer: enableIdempotence needs acks 'all', not ${acks}: leave one of them out`)
  }
  if (transactionalId !== undefined && !enableIdempotence) {
    throw new MoldauError(
      'INVALID_CONFIG',
      `producer '${transactionalId}': transactions need acks 'all' and enableIdempotence: leave them out`,
    )
  }
  return { ...read, enableIdempotence, deliveryTimeoutMs: deliveryTimeout(options, read) }
}

/** Long enough for one attempt at least: as in Java, the default makes room for it, and what is given has to. */
function deliveryTimeout(options: ProducerOptions, read: ReadOptions<typeof producerSettings>): number {
  const { deliveryTimeoutMs, lingerMs, requestTimeoutMs } = read
  if (deliveryTimeoutMs >= lingerMs + requestTimeoutMs) return deliveryTimeoutMs
  const spelling = spellingOf(options, producerSettings, 'deliveryTimeoutMs')
  if (spelling === undefined) return lingerMs + requestTimeoutMs
  throw new MoldauError(
    'INVALID_CONFIG',
    `producer: ${spelling} (${deliveryTimeoutMs}) must be at least lingerMs (${lingerMs}) and requestTimeoutMs (${requestTimeoutMs}) together: give it more, or requestTimeoutMs less`,
  )
}
