import { throwOnError } from '../../protocol/errors.ts'
import { IncrementalAlterConfigs } from '../../protocol/messages/incremental-alter-configs.ts'
import { ListConfigResources } from '../../protocol/messages/list-config-resources.ts'
import { check } from '../checks.ts'
import type { AdminOptions } from './calls.ts'
import { nameOf } from './codes.ts'
import { configResourceTypes } from '../../protocol/config-codes.ts'
import type {
  AlterConfigsOptions,
  ConfigAlteration,
  ConfigDescription,
  ConfigResource,
  ConfigResourceType,
  DescribeConfigsOptions,
} from './config-types.ts'
import { answerName, describeConfigs, resourceCode, resourceName } from './describe-configs.ts'
import { replaceConfigs } from './legacy-configs.ts'
import { RecordAdmin } from './records.ts'
import * as specs from './specs.ts'

/** Kafka's AlterConfigOp.OpType (KIP-339). */
const opTypes = { set: 0, delete: 1, append: 2, subtract: 3 } as const

/** The version of ListConfigResources that knows more than client metrics. */
const TYPES_SINCE = 1

/** Settings of topics, brokers and the rest. */
export class ConfigAdmin extends RecordAdmin {
  /**
   * The settings of things, with where each comes from (Kafka's `Admin.describeConfigs`), in the order of the things.
   *
   * @throws AdminError by `topic orders`, `broker 1`: UNKNOWN_TOPIC_OR_PARTITION, INVALID_REQUEST ...
   */
  describeConfigs(resources: readonly ConfigResource[], options: DescribeConfigsOptions = {}): Promise<ConfigDescription[]> {
    return this.calls.onBrokers<ConfigResource, ConfigDescription>(ownerOf, {
      what: 'settings of',
      items: resources,
      each: specs.configResource,
      nameOf: resourceName,
      timeoutMs: options.timeoutMs,
      ask: (connection, asked) => describeConfigs(connection, asked, options),
    })
  }

  /**
   * Changes settings one by one and leaves the others (Kafka's `Admin.incrementalAlterConfigs`, KIP-339). Brokers before 2.3 replace all settings
   * of a thing: for them the others are read first and written again, so that changes of somebody else in between are lost.
   *
   * ```ts
   * await admin.incrementalAlterConfigs([{ type: 'topic', name: 'orders', set: { 'retention.ms': 60_000 }, delete: ['cleanup.policy'] }])
   * ```
   *
   * @throws AdminError by `topic orders`, `broker 1`: INVALID_CONFIG, UNKNOWN_TOPIC_OR_PARTITION, INVALID_REQUEST ...
   */
  async incrementalAlterConfigs(alterations: readonly ConfigAlteration[], options: AlterConfigsOptions = {}): Promise<void> {
    await this.calls.onBrokers<ConfigAlteration, void>(ownerOf, {
      what: 'settings of',
      items: alterations,
      each: specs.configAlteration,
      nameOf: resourceName,
      timeoutMs: options.timeoutMs,
      ask: async (connection, asked) => {
        const { validateOnly = false } = options
        if (!connection.supports(IncrementalAlterConfigs)) return replaceConfigs(connection, asked, validateOnly)
        const resources = asked.map((each) => ({ ...resourceCode(each), configs: changesOf(each) }))
        const { responses } = await connection.request(IncrementalAlterConfigs, { resources, validateOnly })
        return responses.map((each) => ({ ...each, name: answerName(each) }))
      },
    })
  }

  /**
   * The things that have settings (Kafka's `Admin.listConfigResources`, KIP-1142). Brokers before 4.1 list client metrics only.
   *
   * @param types which kinds; default all
   */
  async listConfigResources(types: readonly ConfigResourceType[] = [], options: AdminOptions = {}): Promise<ConfigResource[]> {
    check('admin.listConfigResources()', 'types', types, specs.configResourceTypeList)
    const what = 'list resources with settings'
    const { errorCode, configResources } = await this.calls.any(what, options, (connection) => {
      const codes = types.map((type) => configResourceTypes[type])
      const onlyMetrics = connection.version(ListConfigResources) < TYPES_SINCE && types.every((type) => type === 'clientMetrics')
      return connection.request(ListConfigResources, onlyMetrics ? {} : { resourceTypes: codes })
    })
    throwOnError(errorCode, what)
    return configResources.flatMap(({ resourceName: name, resourceType }) => {
      const type = nameOf(configResourceTypes, resourceType)
      return type === undefined ? [] : [{ type, name }]
    })
  }
}

/** The settings of a broker and its loggers are known to that broker; all others to any. */
function ownerOf({ type, name }: ConfigResource): number | undefined {
  return (type === 'broker' && name !== '') || type === 'brokerLogger' ? Number(name) : undefined
}

function changesOf({ set = {}, delete: remove = [], append = {}, subtract = {} }: ConfigAlteration) {
  return [
    ...Object.entries(set).map(([name, value]) => ({ name, configOperation: opTypes.set, value: String(value) })),
    ...remove.map((name) => ({ name, configOperation: opTypes.delete, value: null })),
    ...Object.entries(append).map(([name, value]) => ({ name, configOperation: opTypes.append, value })),
    ...Object.entries(subtract).map(([name, value]) => ({ name, configOperation: opTypes.subtract, value })),
  ]
}
