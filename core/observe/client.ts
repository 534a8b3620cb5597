import { asyncScheduler, from, map, merge, Observable as Source, Subject, takeUntil, timer } from 'rxjs'
import type { Observable } from 'rxjs'

import type { ListedGroup, ListedTransaction, TopicDescription } from '../client/admin/types.ts'
import type { ClientMetricName, Client } from '../client/client.ts'
import type { MetricsSnapshot } from '../client/metrics/snapshot.ts'
import { polled, type ObservedError, type PollOptions } from './polled.ts'
import { shared } from './shared.ts'

/**
 * What a cluster shows to a client that asks every `intervalMs`, as long as somebody has subscribed. Lists are sorted by name, begin with what is
 * now for each subscriber, and come again when something in them differs. They complete when the client is closed.
 */
export interface ObservedCluster {
  /** Topics with their partitions, leaders and replicas. */
  readonly topics$: Observable<readonly TopicDescription[]>
  readonly groups$: Observable<readonly ListedGroup[]>
  readonly transactions$: Observable<readonly ListedTransaction[]>
  /** All metrics of the client and of its producers and consumers, every `intervalMs`. */
  readonly metrics$: Observable<MetricsSnapshot<ClientMetricName>>
  /** Looks that failed, and what goes wrong with brokers, from now on; the lists go on. */
  readonly errors$: Observable<ObservedError>
}

/** The RxJS face of a cluster. */
export function observeClient(client: Client, options: PollOptions): ObservedCluster {
  const { admin } = client
  const closed$ = from(client.closed)
  const errors$ = new Subject<ObservedError>()
  const incidents$ = new Source<ObservedError>((subscriber) => client.onIncident((failure) => subscriber.next(failure)))
  const list = <T>(what: string, read: () => Promise<T[]>, keyOf: (item: T) => string): Observable<readonly T[]> => {
    const sorted = async (): Promise<T[]> => (await read()).sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
    return polled({ what, read: sorted, closed$, onError: (error) => errors$.next(error) }, options).pipe(shared())
  }
  return {
    topics$: list(
      'topics',
      async () => admin.describeTopics((await admin.listTopics()).map(({ name }) => name)),
      ({ name }) => name,
    ),
    groups$: list(
      'groups',
      () => admin.listGroups(),
      ({ groupId }) => groupId,
    ),
    transactions$: list(
      'transactions',
      () => admin.listTransactions(),
      ({ transactionalId }) => transactionalId,
    ),
    metrics$: timer(0, options.intervalMs ?? 1000, options.scheduler ?? asyncScheduler).pipe(
      takeUntil(closed$),
      map(() => client.metrics()),
      shared(),
    ),
    errors$: merge(errors$, incidents$).pipe(takeUntil(closed$)),
  }
}
