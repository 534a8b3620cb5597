import { kafkaError } from '../../protocol/errors.ts'
import { configResourceTypes } from '../../protocol/config-codes.ts'
import type { BrokerServices } from '../services.ts'
import { brokerResource } from './broker.ts'
import { clientMetricsResource } from './client-metrics.ts'
import { groupResource } from './group.ts'
import { loggerResource } from './logger.ts'
import type { ConfigResource } from './resource.ts'
import { topicResource } from './topic.ts'

/**
 * Finds what a request about settings means.
 * @throws KafkaError INVALID_REQUEST for a kind that has no settings here, and what the kinds throw
 */
export function resourceOf(broker: BrokerServices, type: number, name: string): ConfigResource {
  switch (type) {
    case configResourceTypes.topic:
      return topicResource(broker, name)
    case configResourceTypes.broker:
      return brokerResource(broker, name)
    case configResourceTypes.brokerLogger:
      return loggerResource(broker, name)
    case configResourceTypes.clientMetrics:
      return clientMetricsResource(broker, name)
    case configResourceTypes.group:
      return groupResource(broker, name)
    default:
      throw kafkaError('INVALID_REQUEST', `resources of type ${type} have no settings here`)
  }
}
