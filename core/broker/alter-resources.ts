import { KafkaError, detailOf, errorCode, kafkaError } from '../protocol/errors.ts'
import type { ConfigResource } from './resources/resource.ts'
import { resourceOf } from './resources/resource-of.ts'
import { configResourceTypes } from '../protocol/config-codes.ts'
import type { BrokerServices } from './services.ts'

/** How AlterConfigs and IncrementalAlterConfigs answer for a resource. */
export interface AlterAnswer {
  errorCode: number
  errorMessage: string | null
  resourceType: number
  resourceName: string
}

interface Wanted {
  readonly resourceType: number
  readonly resourceName: string
}

/** What becomes of a resource's settings: all of them after the change, and the names it touches. */
export interface Change {
  readonly next: ReadonlyMap<string, string | null>
  readonly changed: readonly string[]
}

/**
 * Changes the settings of resources, each by itself: an error of one leaves the others alone. A change begins from what the one before it has left:
 * the disk may take its time with that.
 * @param change what the request makes of a resource; throws KafkaError for what cannot be asked
 */
export async function alterResources<W extends Wanted>(
  broker: BrokerServices,
  resources: readonly W[],
  validateOnly: boolean,
  change: (wanted: W, resource: ConfigResource) => Change,
): Promise<AlterAnswer[]> {
  const alter = async (wanted: W): Promise<AlterAnswer> => {
    const { resourceType, resourceName } = wanted
    try {
      const isTwice = resources.some(
        (other) => other !== wanted && other.resourceType === resourceType && other.resourceName === resourceName,
      )
      if (isTwice) throw kafkaError('INVALID_REQUEST', 'Each resource must appear at most once.')
      const resource = resourceOf(broker, resourceType, resourceName)
      const { next, changed } = change(wanted, resource)
      resource.check(next, changed)
      resource.mustExist?.()
      if (!validateOnly) await resource.apply(next as ReadonlyMap<string, string>)
      return { errorCode: 0, errorMessage: null, resourceType, resourceName }
    } catch (error) {
      const code = error instanceof KafkaError ? error.kafkaCode : 'KAFKA_STORAGE_ERROR'
      if (!(error instanceof KafkaError)) broker.logger.error({ resource: resourceName, err: error }, 'settings could not be changed')
      return { errorCode: errorCode(code), errorMessage: detailOf(error), resourceType, resourceName }
    }
  }
  return Promise.all(resources.map((wanted) => broker.alterations.take(turnOf(wanted), () => alter(wanted))))
}

/** Settings of the broker are judged together with those of all brokers. */
function turnOf({ resourceType, resourceName }: Wanted): string {
  return resourceType === configResourceTypes.broker ? String(resourceType) : `${resourceType} ${resourceName}`
}

/** @throws KafkaError INVALID_REQUEST when a setting is named twice, or has no value */
export function checkNamedOnce(configs: readonly { name: string; value: string | null }[], mayBeNull: (index: number) => boolean): void {
  const names = configs.map(({ name }) => name)
  if (new Set(names).size !== names.length) throw kafkaError('INVALID_REQUEST', 'Error due to duplicate config keys')
  const without = configs.filter(({ value }, i) => value === null && !mayBeNull(i))
  if (without.length > 0) throw kafkaError('INVALID_REQUEST', `Null value not supported for : ${without.map(({ name }) => name).join(',')}`)
}
