import { map as rxMap } from 'rxjs'
import { withKey } from '../record.ts'
import { type OperatorOptions, type SafeOperator, safe } from './safe.ts'

/** A record of the same kind with another type of key. */
export type WithKey<R, K> = Omit<R, 'key'> & { readonly key: K }

/**
 * Gives each record another key; value, time, headers and position stay. Kafka Streams' `selectKey`.
 *
 * ```ts
 * .pipe(selectKey((r) => r.value.customer))
 * ```
 *
 * Records of one key may be in several partitions behind it: to group or join them use `keyBy`, which gives the key and brings them together.
 *
 * @param select throwing fails the epoch with OPERATOR_FAILED naming the record
 */
export function selectKey<R extends { readonly key: unknown }, K>(
  select: (record: R) => K,
  options: OperatorOptions = {},
): SafeOperator<R, WithKey<R, K>> {
  const apply = (record: R): WithKey<R, K> => withKey(record, select(record)) as WithKey<R, K>
  return safe({ kind: 'map', apply, keepsValue: true, onError: options.onError }, rxMap(apply))
}
