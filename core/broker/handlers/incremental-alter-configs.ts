import { kafkaError } from '../../protocol/errors.ts'
import { IncrementalAlterConfigs } from '../../protocol/messages/incremental-alter-configs.ts'
import type { IncrementalAlterConfigsRequest } from '../../protocol/messages/incremental-alter-configs.ts'
import { alterResources, checkNamedOnce } from '../alter-resources.ts'
import type { Change } from '../alter-resources.ts'
import { splitList } from '../config-type.ts'
import { handler } from '../handler.ts'
import type { ConfigResource } from '../resources/resource.ts'

type ConfigChange = IncrementalAlterConfigsRequest['resources'][number]['configs'][number]

const operation = { set: 0, delete: 1, append: 2, subtract: 3 } as const
const operationNames = ['SET', 'DELETE', 'APPEND', 'SUBTRACT']

/** IncrementalAlterConfigs 0 to 1 (KIP-339): sets, deletes, extends or shortens single settings of topics, brokers, loggers, groups and subscriptions. */
export const incrementalAlterConfigs = handler({
  api: IncrementalAlterConfigs,
  minVersion: 0,
  maxVersion: 1,
  async handle(request, { broker }) {
    const responses = await alterResources(broker, request.resources, request.validateOnly, ({ configs }, resource) => {
      checkNamedOnce(configs, (i) => configs[i]!.configOperation === operation.delete)
      return changed(configs, resource)
    })
    return { throttleTimeMs: 0, responses }
  },
})

function changed(changes: readonly ConfigChange[], resource: ConfigResource): Change {
  const next = new Map<string, string | null>(resource.configs)
  for (const change of changes) apply(next, change, resource)
  return { next, changed: changes.map(({ name }) => name) }
}

function apply(next: Map<string, string | null>, { name, configOperation, value }: ConfigChange, resource: ConfigResource): void {
  if (configOperation === operation.set) next.set(name, value)
  else if (configOperation === operation.delete) next.delete(name)
  else if (configOperation === operation.append || configOperation === operation.subtract) {
    if (!resource.isList(name)) {
      const verb = operationNames[configOperation]
      throw kafkaError('INVALID_CONFIG', `Can't ${verb} to key ${name} because its type is not LIST.`)
    }
    const now = splitList(next.get(name) ?? resource.inherited(name))
    const given = splitList(value ?? '')
    const entries = configOperation === operation.append ? new Set([...now, ...given]) : now.filter((entry) => !given.includes(entry))
    next.set(name, [...entries].join(','))
  } else throw kafkaError('INVALID_REQUEST', `Unknown operation type ${configOperation}`)
}
