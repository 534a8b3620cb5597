import type { Peer } from '../../net/connection.ts'
import { errorCode } from '../../protocol/errors.ts'
import { ApiVersions } from '../../protocol/messages/api-versions.ts'
import type { ApiVersionsRequest, ApiVersionsResponse } from '../../protocol/messages/api-versions.ts'
import type { Input } from '../../protocol/schema.ts'
import { features } from '../features.ts'
import { handler } from '../handler.ts'
import type { ServedApi } from '../services.ts'

/** Kafka's pattern for the name and version of a client's software (KIP-511). */
const SOFTWARE = /^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$/

/** Clients name their software from this version on. */
const NAMED_SINCE = 3

/**
 * ApiVersions 0 to 4: what is served, and in which versions.
 * v0 errors in v0 form for unknown versions; v3 names the client's software and finalised features (KIP-511, KIP-584).
 */
export const apiVersions = handler({
  api: ApiVersions,
  minVersion: 0,
  maxVersion: 4,
  handle(request, { broker, version, connection }) {
    return apiVersionsAnswer(broker.served, noteSoftware(request, version, connection.peer))
  },
})

/** Takes note of what a client says of its software; answers the error when it says it badly (KIP-511). */
export function noteSoftware(request: ApiVersionsRequest, version: number, peer: Peer): number {
  if (version < NAMED_SINCE) return 0
  const { clientSoftwareName: softwareName, clientSoftwareVersion: softwareVersion } = request
  if (!SOFTWARE.test(softwareName) || !SOFTWARE.test(softwareVersion)) return errorCode('INVALID_REQUEST')
  Object.assign(peer, { softwareName, softwareVersion })
  return 0
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
