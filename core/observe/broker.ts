import { isDeepStrictEqual } from 'node:util'

import { concat, defer, distinctUntilChanged, EMPTY, filter, map, of } from 'rxjs'
import type { Observable } from 'rxjs'

import type { Broker, GroupSummary, QuotaSummary, TopicSummary, TransactionSummary } from '../broker/broker.ts'
import { type BrokerEvent, eventsOf } from './broker-events.ts'
import { liveList } from './live-list.ts'
import type { ObservedError } from './polled.ts'
import { shared } from './shared.ts'

/**
 * What a broker shows. Lists begin with what is now, for each subscriber, and go on with what changes; what happens in one tick is told
 * together. They are watched once for all subscribers. Everything completes when the broker is closed.
 */
export interface ObservedBroker {
  /** What happens from now on, at once: a subscriber that takes long holds the broker up. */
  readonly events$: Observable<BrokerEvent>
  /** What went wrong inside from now on; everything goes on. */
  readonly errors$: Observable<ObservedError>
  /** The topics, again whenever one comes, goes or gets more partitions. */
  readonly topics$: Observable<readonly TopicSummary[]>
  /** The groups, again whenever one comes, goes or changes. Commits of offsets are no change. */
  readonly groups$: Observable<readonly GroupSummary[]>
  /** The transactional ids, again whenever one comes, goes or changes its state. */
  readonly transactions$: Observable<readonly TransactionSummary[]>
  /** Who has quotas and which, again whenever somebody's change. */
  readonly quotas$: Observable<readonly QuotaSummary[]>
}

/** The RxJS face of a broker. */
export function observeBroker(broker: Broker): ObservedBroker {
  return {
    events$: eventsOf(broker),
    errors$: eventsOf(broker).pipe(
      filter((event) => event.type === 'error'),
      map(({ message, cause }) => ({ message, cause })),
    ),
    topics$: liveList(broker, {
      ids: () => broker.topics().map(({ name }) => name),
      find: (name) => broker.topic(name),
      watch: (changed) => eventsOf(broker).subscribe((event) => 'topic' in event && changed(event.topic)),
    }).pipe(shared()),
    groups$: liveList(broker, {
      ids: () => broker.groupIds(),
      find: (id) => broker.group(id),
      watch: (changed) => eventsOf(broker).subscribe((event) => 'groupId' in event && changed(event.groupId)),
    }).pipe(shared()),
    transactions$: liveList(broker, {
      ids: () => broker.transactionalIds(),
      find: (id) => broker.transaction(id),
      watch: (changed) => eventsOf(broker).subscribe((event) => 'transactionalId' in event && changed(event.transactionalId)),
    }).pipe(shared()),
    quotas$: quotasOf(broker).pipe(shared()),
  }
}

function quotasOf(broker: Broker): Observable<readonly QuotaSummary[]> {
  const now = (): readonly QuotaSummary[] => broker.quotas()
  const changes$ = eventsOf(broker).pipe(
    filter(({ type }) => type === 'quotasChanged'),
    map(now),
  )
  return defer(() => (broker.isClosed ? EMPTY : concat(of(now()), changes$))).pipe(
    distinctUntilChanged<readonly QuotaSummary[]>(isDeepStrictEqual),
  )
}
