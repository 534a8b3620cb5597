import { kafkaError } from '../../protocol/errors.ts'
import { ListConfigResources } from '../../protocol/messages/list-config-resources.ts'
import { configResourceTypes } from '../../protocol/config-codes.ts'
import { handler } from '../handler.ts'
import type { BrokerServices } from '../services.ts'

const ALL = Object.values(configResourceTypes).toSorted((a, b) => a - b)

/** ListConfigResources 0 to 1: which resources have settings (KIP-1142). v0 asks for subscriptions to metrics only (KIP-714). */
export const listConfigResources = handler({
  api: ListConfigResources,
  minVersion: 0,
  maxVersion: 1,
  handle(request, { broker, version }) {
    const wanted = version === 0 ? [configResourceTypes.clientMetrics] : request.resourceTypes.length > 0 ? request.resourceTypes : ALL
    const unknown = wanted.find((type) => !ALL.includes(type as (typeof ALL)[number]))
    if (unknown !== undefined) throw kafkaError('UNSUPPORTED_VERSION', `resources of type ${unknown} are not known`)
    const configResources = [...new Set(wanted)].flatMap((resourceType) =>
      namesOf(broker, resourceType).map((resourceName) => ({ resourceName, resourceType })),
    )
    return { throttleTimeMs: 0, errorCode: 0, configResources }
  },
})

function namesOf(broker: BrokerServices, type: number): string[] {
  switch (type) {
    case configResourceTypes.topic:
      return Array.from(broker.topics.list(), ({ name }) => name)
    case configResourceTypes.broker:
    case configResourceTypes.brokerLogger:
      return [String(broker.nodeId)]
    case configResourceTypes.group:
      return broker.groupConfigs.groupIds()
    default:
      return broker.metadata.configured(type)
  }
}
