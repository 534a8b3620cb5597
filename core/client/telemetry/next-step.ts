import type { KafkaErrorName } from '../../protocol/errors.ts'

/** Kafka's default of `interval.ms` of a subscription: how long to wait when nothing else is known. */
export const PUSH_INTERVAL_MS = 300_000

/** What a reporter does next: asks what is wanted, sends it, or never again anything. */
export interface Step {
  readonly next: 'subscribe' | 'push' | 'stop'
  readonly waitMs: number
}

/** The first push is spread over this part of the interval, so that clients that were started together do not push together (KIP-714). */
const FIRST_PUSH = { least: 0.5, most: 1.5 } as const
/** A broker refuses those who ask again before the interval is over. */
const ASK_AGAIN = { least: 1, most: 1.5 } as const

/** After the answer that says what is wanted. @param random from 0 to 1 */
export function afterSubscription(wanted: readonly string[], intervalMs: number, random: number): Step {
  const spread = wanted.length === 0 ? ASK_AGAIN : FIRST_PUSH
  const waitMs = intervalMs * (spread.least + (spread.most - spread.least) * random)
  return { next: wanted.length === 0 ? 'subscribe' : 'push', waitMs }
}

/** After an error of either request. @param intervalMs of the subscription that is known */
export function afterError(error: KafkaErrorName, intervalMs = PUSH_INTERVAL_MS): Step {
  switch (error) {
    case 'UNKNOWN_SUBSCRIPTION_ID':
    case 'UNSUPPORTED_COMPRESSION_TYPE':
      return { next: 'subscribe', waitMs: 0 }
    case 'TELEMETRY_TOO_LARGE':
    case 'THROTTLING_QUOTA_EXCEEDED':
      return { next: 'subscribe', waitMs: intervalMs }
    default:
      // What we send is not what the broker understands: sending it again would not help.
      return { next: 'stop', waitMs: 0 }
  }
}
