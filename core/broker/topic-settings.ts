import type { BrokerConfig } from './broker-config.ts'
import { configSources } from './config-source.ts'
import { configProblem } from './config-type.ts'
import { closest } from './closest.ts'
import { topicConfigs } from './topic-config.ts'

export interface ResolvedConfig {
  name: string
  value: string
  source: number
}

/** What is wrong with the settings given for a topic; undefined when nothing is. */
export function topicConfigProblem(configs: ReadonlyMap<string, string | null>): string | undefined {
  for (const [name, value] of configs) {
    const key = topicConfigs[name]
    if (key === undefined) return `Unknown topic config name: ${name} (did you mean ${closest(name, Object.keys(topicConfigs))}?)`
    if (value === null) return `Null value not supported for topic configs: ${name}`
    const problem = configProblem(name, key, value)
    if (problem !== undefined) return problem
  }
  const [least, most] = [configs.get('min.compaction.lag.ms'), configs.get('max.compaction.lag.ms')]
  if (typeof least === 'string' && typeof most === 'string' && Number(least) > Number(most)) {
    return `conflict topic config setting min.compaction.lag.ms (${least}) > max.compaction.lag.ms (${most})`
  }
  return undefined
}

/** All places a topic's setting could come from, most specific first; the first is the one that counts. */
export function resolveTopicConfig(
  name: string,
  configs: ReadonlyMap<string, string>,
  broker: Pick<BrokerConfig, 'layers'>,
): ResolvedConfig[] {
  const key = topicConfigs[name]!
  const found: ResolvedConfig[] = []
  const own = configs.get(name)
  if (own !== undefined) found.push({ name, value: own, source: configSources.topic })
  for (const { source, values } of broker.layers) {
    for (const { name: synonym, factor } of key.synonyms) {
      const given = values.get(synonym)
      if (given !== undefined) found.push({ name: synonym, value: factor === 1 ? given : inUnit(given, factor), source })
    }
  }
  found.push({ name: key.synonyms[0]?.name ?? name, value: key.default, source: configSources.default })
  return found
}

/** `min.insync.replicas` of a topic: asked for by every produce request with acks=all. */
export function minInsyncReplicas(configs: ReadonlyMap<string, string> | undefined, broker: BrokerConfig): number {
  return Number(configs?.get('min.insync.replicas') ?? broker.text('min.insync.replicas') ?? 1)
}

function inUnit(value: string, factor: number): string {
  const number = Number(value)
  return String(number < 0 ? number : number * factor)
}
