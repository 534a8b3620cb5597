import { api } from '../api.ts'
import { array, bool, int16, int32, int64, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

/** The calls and versions that a broker serves: the first request on every connection. */

export const ApiVersionsRequest = message('ApiVersionsRequest', '0-4', '3+', {
  clientSoftwareName: string('3+', { ignorable: true }),
  clientSoftwareVersion: string('3+', { ignorable: true }),
})
export type ApiVersionsRequest = Infer<typeof ApiVersionsRequest>

export const ApiVersionsResponse = message('ApiVersionsResponse', '0-4', '3+', {
  errorCode: int16(),
  apiKeys: array({ apiKey: int16(), minVersion: int16(), maxVersion: int16() }),
  throttleTimeMs: int32('1+', { ignorable: true }),
  supportedFeatures: array({ name: string(), minVersion: int16(), maxVersion: int16() }, '3+', { ignorable: true, tag: 0 }),
  finalizedFeaturesEpoch: int64('3+', { default: -1, ignorable: true, tag: 1 }),
  finalizedFeatures: array({ name: string(), maxVersionLevel: int16(), minVersionLevel: int16() }, '3+', { ignorable: true, tag: 2 }),
  zkMigrationReady: bool('3+', { default: false, ignorable: true, tag: 3 }),
})
export type ApiVersionsResponse = Infer<typeof ApiVersionsResponse>

export const ApiVersions = api(18, 'ApiVersions', ApiVersionsRequest, ApiVersionsResponse)
