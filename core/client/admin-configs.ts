import type { BrokerConnection } from '../cluster/connection.ts'
import { throwOnError } from '../protocol/errors.ts'
import { DescribeConfigs } from '../protocol/messages/describe-configs.ts'
import { IncrementalAlterConfigs } from '../protocol/messages/incremental-alter-configs.ts'
import type { ConfigDescription, ConfigResource } from './admin-types.ts'

const resourceTypes = { topic: 2, broker: 4 } as const
const CONFIG_SOURCE_DEFAULT = 5
const SET = 0
const DELETE = 1

export async function describeConfigs(connection: BrokerConnection, resource: ConfigResource): Promise<ConfigDescription> {
  const body = { resources: [{ resourceType: resourceTypes[resource.type], resourceName: resource.name, configurationKeys: null }] }
  const result = (await connection.request(DescribeConfigs, body)).results[0]!
  throwOnError(result.errorCode, `settings of ${resource.type} '${resource.name}'`, result.errorMessage)
  const entries = result.configs.map(({ name, value, readOnly, isSensitive, configSource }) => {
    return { name, value, readOnly, sensitive: isSensitive, isDefault: configSource === CONFIG_SOURCE_DEFAULT }
  })
  return { ...resource, entries }
}

/** null goes back to the default. */
export async function alterConfigs(
  connection: BrokerConnection,
  resource: ConfigResource,
  configs: Readonly<Record<string, string | number | boolean | null>>,
): Promise<void> {
  const changes = Object.entries(configs).map(([name, value]) => {
    return { name, configOperation: value === null ? DELETE : SET, value: value === null ? null : String(value) }
  })
  const body = {
    resources: [{ resourceType: resourceTypes[resource.type], resourceName: resource.name, configs: changes }],
    validateOnly: false,
  }
  const result = (await connection.request(IncrementalAlterConfigs, body)).responses[0]!
  throwOnError(result.errorCode, `settings of ${resource.type} '${resource.name}'`, result.errorMessage)
}
