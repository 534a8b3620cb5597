import { errorCode } from '../../protocol/errors.ts'
import { UpdateFeatures } from '../../protocol/messages/update-features.ts'
import type { UpdateFeaturesRequest, UpdateFeaturesResponse } from '../../protocol/messages/update-features.ts'
import type { Input } from '../../protocol/schema.ts'
import { features } from '../features.ts'
import { handler } from '../handler.ts'

type Update = UpdateFeaturesRequest['featureUpdates'][number]
type Result = NonNullable<Input<typeof UpdateFeaturesResponse>['results']>[number]

/**
 * UpdateFeatures 0 to 2 (KIP-584): the features of this broker have one level each, to which they may be "updated". One refusal is told for
 * the whole request, in all versions: so answers Kafka's own controller (KRaft).
 */
export const updateFeatures = handler({
  api: UpdateFeatures,
  minVersion: 0,
  maxVersion: 2,
  handle(request) {
    const results = request.featureUpdates.map(update)
    const refused = results.find((result) => result.errorCode !== 0)
    if (refused === undefined) return { throttleTimeMs: 0, errorCode: 0, errorMessage: null, results }
    const errorMessage = `The update failed for all features since the following feature had an error: ${refused.errorMessage}`
    return { throttleTimeMs: 0, errorCode: refused.errorCode, errorMessage, results: [] }
  },
})

function update({ feature, maxVersionLevel }: Update): Result {
  const known = features.find(({ name }) => name === feature)
  if (known?.level === maxVersionLevel) return { feature, errorCode: 0, errorMessage: null }
  const why = known === undefined ? 'does not support this feature' : `has it at level ${known.level}, and no other`
  const errorMessage = `Invalid update version ${maxVersionLevel} for feature ${feature}. This broker ${why}.`
  return { feature, errorCode: errorCode('INVALID_UPDATE_VERSION'), errorMessage }
}
