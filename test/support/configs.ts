import type { Channel } from '../../core/net/channel.ts'
import { errorName } from '../../core/protocol/errors.ts'
import { DescribeConfigs } from '../../core/protocol/messages/describe-configs.ts'
import { IncrementalAlterConfigs } from '../../core/protocol/messages/incremental-alter-configs.ts'

/** Kinds of things that have settings. */
export const resource = { topic: 2, broker: 4, logger: 8, metrics: 16, group: 32 } as const
const operation = { set: 0, delete: 1, append: 2, subtract: 3 } as const

export type Change = readonly [name: string, operation: keyof typeof operation, value?: string]

/** Asks for changes of settings, and answers the error. */
export async function alter(
  channel: Channel,
  type: number,
  name: string,
  changes: readonly Change[],
  validateOnly = false,
): Promise<string> {
  const configs = changes.map(([config, verb, value = null]) => ({ name: config, configOperation: operation[verb], value }))
  const { responses } = await channel.request(IncrementalAlterConfigs, 1, {
    resources: [{ resourceType: type, resourceName: name, configs }],
    validateOnly,
  })
  return errorName(responses[0]!.errorCode)
}

/** A setting as `value@source`. */
export async function setting(channel: Channel, type: number, name: string, config: string): Promise<string | undefined> {
  const { results } = await channel.request(DescribeConfigs, 4, {
    resources: [{ resourceType: type, resourceName: name, configurationKeys: [config] }],
    includeSynonyms: true,
  })
  const found = results[0]!.configs[0]
  return found && `${found.value}@${found.configSource}`
}
