import { errorCode } from '../../protocol/errors.ts'
import { ApiVersions } from '../../protocol/messages/api-versions.ts'
import type { ApiVersionsRequest, ApiVersionsResponse } from '../../protocol/messages/api-versions.ts'
import type { Input } from '../../protocol/schema.ts'
import { features } from '../features.ts'
import { handler } from '../handler.ts'
import type { ServedApi } from '../services.ts'

/** Kafka's pattern for the name and version of a client's software (KIP-511). */
const SOFTWARE = /^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$/

/**
 * ApiVersions 0 to 4: what is served, and in which versions.
 * v0 errors in v0 form for unknown versions; v3 names the client's software and finalised features (KIP-511, KIP-584).
 */
export const apiVersions = handler({
  api: ApiVersions,
  minVersion: 0,
  maxVersion: 4,
  handle(request, { broker, version, peer }) {
    const error = apiVersionsError(request, version)
    if (error === 0) Object.assign(peer, { softwareName: request.clientSoftwareName, softwareVersion: request.clientSoftwareVersion })
    return apiVersionsAnswer(broker.served, error)
  },
})

export function apiVersionsError(request: ApiVersionsRequest, version: number): number {
  const named = SOFTWARE.test(request.clientSoftwareName) && SOFTWARE.test(request.clientSoftwareVersion)
  return errorCode(version >= 3 && !named ? 'INVALID_REQUEST' : 'NONE')
}

export function apiVersionsAnswer(served: readonly ServedApi[], error: number): Input<typeof ApiVersionsResponse> {
  return {
    errorCode: error,
    apiKeys: served,
    supportedFeatures: features.map(({ name, level }) => ({ name, minVersion: 0, maxVersion: level })),
    finalizedFeaturesEpoch: 0,
    finalizedFeatures: features.map(({ name, level }) => ({ name, maxVersionLevel: level, minVersionLevel: level })),
  }
}
