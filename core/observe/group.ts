import { isDeepStrictEqual } from 'node:util'

import { distinctUntilChanged, filter, from, map, Subject, takeUntil } from 'rxjs'
import type { Observable } from 'rxjs'

import type { Broker, GroupDetails, GroupMember, PartitionLag, Place } from '../broker/broker.ts'
import { byPlace, groupLag } from '../broker/group-lag.ts'
import { AdminError } from '../client/admin/admin-error.ts'
import type { Client } from '../client/client.ts'
import type { GroupDescription } from '../client/admin/types.ts'
import { tpKey } from '../cluster/topic-partition.ts'
import { closedOf, eventsOf } from './broker-events.ts'
import { liveList } from './live-list.ts'
import { polled, type ObservedError, type PollOptions } from './polled.ts'
import { shared } from './shared.ts'

/** A group of a broker in this process. */
export interface GroupOfBroker {
  readonly broker: Broker
  readonly groupId: string
}

/** A group of any cluster. */
export interface GroupOfClient {
  readonly client: Client
  readonly groupId: string
}

/** Who reads a partition. */
export interface Assignment extends Place {
  readonly memberId: string
  readonly clientId: string
}

/**
 * What a consumer group shows. All but `errors$` begin with what is now, for each subscriber, and go on with what changes; they are watched
 * once for all subscribers and complete when the broker, or the client, is closed. A group that does not exist is `Dead`, and may come.
 */
export interface ObservedGroup {
  readonly group$: Observable<GroupDetails>
  /** `Stable`, `Empty`, `PreparingRebalance` and so on. */
  readonly state$: Observable<string>
  readonly members$: Observable<readonly GroupMember[]>
  /** Which member has which partition, by topic and number. */
  readonly assignments$: Observable<readonly Assignment[]>
  /** How far it is behind in each partition, looked at every `intervalMs`: appending a record tells nobody. */
  readonly lag$: Observable<readonly PartitionLag[]>
  /** Looks that failed, from now on; the others go on. */
  readonly errors$: Observable<ObservedError>
}

/** The RxJS face of a group of a broker in this process: told of changes, at the end of the tick. */
export function observeGroupOfBroker({ broker, groupId }: GroupOfBroker, options: PollOptions): ObservedGroup {
  const closed$ = closedOf(broker)
  const group$ = liveList<GroupDetails>(broker, {
    ids: () => [groupId],
    find: (id) => broker.describeGroup(id) ?? dead(id),
    watch: (changed) =>
      eventsOf(broker)
        .pipe(filter((event) => 'groupId' in event && event.groupId === groupId))
        .subscribe(() => changed(groupId)),
    isSame: isDeepStrictEqual,
  }).pipe(
    filter((groups) => groups.length > 0),
    map(([group]) => group!),
  )
  return faces(group$, groupId, () => broker.groupLag(groupId), closed$, options)
}

/** The RxJS face of a group of any cluster: asked for every `intervalMs`. */
export function observeGroupOfClient({ client, groupId }: GroupOfClient, options: PollOptions): ObservedGroup {
  const closed$ = from(client.closed)
  const errors$ = new Subject<ObservedError>()
  const group$ = polled<GroupDetails>(
    { what: `group '${groupId}'`, read: () => describe(client, groupId), closed$, onError: (error) => errors$.next(error) },
    options,
  )
  return faces(group$, groupId, () => lagOf(client, groupId), closed$, options, errors$)
}

function faces(
  source$: Observable<GroupDetails>,
  groupId: string,
  lag: () => Promise<readonly PartitionLag[]>,
  closed$: Observable<unknown>,
  options: PollOptions,
  errors$ = new Subject<ObservedError>(),
): ObservedGroup {
  const group$ = source$.pipe(shared())
  const onError = (error: ObservedError): void => errors$.next(error)
  return {
    group$,
    state$: part(group$, ({ state }) => state),
    members$: part(group$, ({ members }) => members),
    assignments$: part(group$, assignmentsOf),
    lag$: polled({ what: `lag of group '${groupId}'`, read: lag, closed$, onError }, options).pipe(shared()),
    errors$: errors$.pipe(takeUntil(closed$)),
  }
}

function part<T>(group$: Observable<GroupDetails>, take: (group: GroupDetails) => T): Observable<T> {
  return group$.pipe(map(take), distinctUntilChanged<T>(isDeepStrictEqual))
}

function assignmentsOf({ members }: GroupDetails): Assignment[] {
  return members
    .flatMap(({ memberId, clientId, assignment }) => assignment.map(({ topic, partition }) => ({ topic, partition, memberId, clientId })))
    .sort(byPlace)
}

function dead(groupId: string): GroupDetails {
  return { groupId, state: 'Dead', protocolType: '', protocol: '', members: [] }
}

async function describe(client: Client, groupId: string): Promise<GroupDetails> {
  try {
    const [group] = await client.admin.describeConsumerGroups([groupId])
    return sorted(group!)
  } catch (error) {
    if (error instanceof AdminError && error.kafkaCode === 'GROUP_ID_NOT_FOUND') return dead(groupId)
    throw error
  }
}

/** Brokers list members and partitions in any order, which is no difference. */
function sorted({ groupId, state, protocolType, protocol, ...group }: GroupDescription): GroupDetails {
  const members = group.members.map(({ memberId, groupInstanceId, clientId, clientHost, assignment }) => {
    return { memberId, groupInstanceId, clientId, clientHost, assignment: assignment.toSorted(byPlace) }
  })
  return { groupId, state, protocolType, protocol, members: members.sort((a, b) => (a.memberId < b.memberId ? -1 : 1)) }
}

async function lagOf(client: Client, groupId: string): Promise<PartitionLag[]> {
  const [{ members }, committed] = await Promise.all([describe(client, groupId), client.admin.listConsumerGroupOffsets(groupId)])
  const places = new Map<string, Place>()
  for (const place of [...committed, ...members.flatMap(({ assignment }) => assignment)]) places.set(tpKey(place), place)
  const ends = await client.admin.listOffsets([...places.values()].map(({ topic, partition }) => ({ topic, partition, at: 'latest' })))
  const endOf = new Map(ends.map((end) => [tpKey(end), end.offset]))
  return groupLag(members, committed, (topic, partition) => endOf.get(tpKey({ topic, partition })))
}
