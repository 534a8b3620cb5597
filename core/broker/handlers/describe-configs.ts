import { KafkaError, detailOf, errorCode } from '../../protocol/errors.ts'
import { DescribeConfigs } from '../../protocol/messages/describe-configs.ts'
import type { DescribeConfigsRequest, DescribeConfigsResponse } from '../../protocol/messages/describe-configs.ts'
import type { Input } from '../../protocol/schema.ts'
import { configSources } from '../config-source.ts'
import { handler } from '../handler.ts'
import type { RequestContext } from '../handler.ts'
import type { ConfigEntry } from '../resources/resource.ts'
import { resourceOf } from '../resources/resource-of.ts'

type Wanted = DescribeConfigsRequest['resources'][number]
type Result = Input<typeof DescribeConfigsResponse>['results'][number]

/** DescribeConfigs 0 to 4: all settings with where they come from. v1 sources and synonyms (KIP-226); v3 types and documentation (KIP-569). */
export const describeConfigs = handler({
  api: DescribeConfigs,
  minVersion: 0,
  maxVersion: 4,
  handle(request, context) {
    return { throttleTimeMs: 0, results: request.resources.map((wanted) => describe(context, wanted, request)) }
  },
})

function describe({ broker, version }: RequestContext, wanted: Wanted, request: DescribeConfigsRequest): Result {
  const { resourceType, resourceName, configurationKeys } = wanted
  try {
    const resource = resourceOf(broker, resourceType, resourceName)
    resource.mustExist?.()
    const entries = resource.describe()
    const named = configurationKeys === null ? entries : entries.filter(({ name }) => configurationKeys.includes(name))
    const configs = named.map((entry) => shown(entry, request, version))
    return { errorCode: 0, errorMessage: null, resourceType, resourceName, configs }
  } catch (error) {
    const code = error instanceof KafkaError ? error.kafkaCode : 'UNKNOWN_SERVER_ERROR'
    return { errorCode: errorCode(code), errorMessage: detailOf(error), resourceType, resourceName, configs: [] }
  }
}

function shown(entry: ConfigEntry, request: DescribeConfigsRequest, version: number): Result['configs'][number] {
  return {
    ...entry,
    synonyms: request.includeSynonyms ? entry.synonyms : [],
    documentation: request.includeDocumentation ? entry.documentation : null,
    // Version 0 knows no sources, only this.
    ...(version === 0 && { isDefault: entry.configSource === configSources.default }),
  }
}
