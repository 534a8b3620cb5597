import { kafkaError } from '../../protocol/errors.ts'
import type { RequestContext } from '../handler.ts'
import { quotaClient } from './throttle.ts'

/** The changes that one request makes in the cluster, counted in partitions (KIP-599). */
export interface Mutations {
  /**
   * Call before a change.
   * @throws KafkaError THROTTLING_QUOTA_EXCEEDED when the quota is used up and the client is new enough to be told so
   */
  take(partitions: number): void
  /** What the answer says; 0 without a quota. */
  readonly throttleTimeMs: number
}

const FREE: Mutations = { take: () => {}, throttleTimeMs: 0 }

/** @param strictSince version of the call from which a change over the quota is refused; before, the client is only slowed down */
export function mutationsOf(context: RequestContext, strictSince: number): Mutations {
  const quota = context.broker.quotas.mutations(quotaClient(context))
  if (quota === undefined) return FREE
  const strict = context.version >= strictSince
  return {
    take(partitions) {
      if (strict && quota.isEmpty()) throw kafkaError('THROTTLING_QUOTA_EXCEEDED', 'The throttling quota has been exceeded.')
      quota.take(partitions)
    },
    get throttleTimeMs() {
      return quota.excessMs()
    },
  }
}
