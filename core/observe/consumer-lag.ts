import { isDeepStrictEqual } from 'node:util'

import { distinctUntilChanged, map } from 'rxjs'
import type { Observable } from 'rxjs'
import type { Consumer } from '../client/consumer.ts'
import type { TopicPartition } from '../client/types.ts'

/** How far a consumer is behind in one partition. */
export interface ObservedLag extends TopicPartition {
  /** The next offset to hand out; null until it is known. */
  readonly position: number | null
  /** Where the partition ended for this consumer at the last fetch; null before the first. */
  readonly end: number | null
  readonly lag: number | null
}

/** Looks at each tick, and tells what differs. */
export function lagOf(consumer: Consumer, ticks$: Observable<unknown>): Observable<readonly ObservedLag[]> {
  return ticks$.pipe(
    map(() => consumer.assignment().map((tp) => lagAt(consumer, tp))),
    distinctUntilChanged<ObservedLag[]>(isDeepStrictEqual),
  )
}

function lagAt(consumer: Consumer, tp: TopicPartition): ObservedLag {
  const position = consumer.position(tp) ?? null
  const end = consumer.fetchedEnd(tp) ?? null
  return { ...tp, position, end, lag: position === null || end === null ? null : Math.max(0, end - position) }
}
