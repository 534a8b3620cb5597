import { Observable } from 'rxjs'
import type { Broker, GroupSummary, TopicSummary } from '../broker/broker.ts'
import type { BrokerEvents } from '../broker/events.ts'
import { liveList } from './live-list.ts'

type EventType = Exclude<keyof BrokerEvents, 'closed'>

/** Something that happened in a broker: `{ type: 'topicCreated', topic, partitions }` and so on. */
export type BrokerEvent = { [Type in EventType]: { readonly type: Type } & Readonly<BrokerEvents[Type]> }[EventType]

/** What a broker shows. Everything is there for any number of subscribers, and completes when the broker is closed. */
export interface ObservedBroker {
  /** What happens from now on, at once: a subscriber that takes long holds the broker up. */
  readonly events$: Observable<BrokerEvent>
  /** The topics of now, and again whenever one comes, goes or gets more partitions; what happens in one tick is told together. */
  readonly topics$: Observable<readonly TopicSummary[]>
  /** The groups of now, and again whenever one comes, goes or changes; what happens in one tick is told together. Commits of offsets are no change. */
  readonly groups$: Observable<readonly GroupSummary[]>
}

/** A record, so that a new event does not compile until it is named here. */
const eventTypes: Record<EventType, true> = {
  topicCreated: true,
  topicDeleted: true,
  topicChanged: true,
  logCleaned: true,
  groupChanged: true,
  directoryChanged: true,
  recordsLost: true,
  telemetry: true,
  error: true,
  closing: true,
}

/** The RxJS face of a broker. */
export function observeBroker(broker: Broker): ObservedBroker {
  return { events$: eventsOf(broker), topics$: topicsOf(broker), groups$: groupsOf(broker) }
}

function eventsOf(broker: Broker): Observable<BrokerEvent> {
  return new Observable((subscriber) => {
    if (broker.isClosed) return subscriber.complete()
    for (const type of Object.keys(eventTypes) as EventType[]) {
      subscriber.add(broker.events.on(type, (event) => subscriber.next({ type, ...event } as BrokerEvent)))
    }
    subscriber.add(broker.events.on('closed', () => subscriber.complete()))
  })
}

function topicsOf(broker: Broker): Observable<readonly TopicSummary[]> {
  return liveList(broker, {
    ids: () => broker.topics().map(({ name }) => name),
    find: (name) => broker.topic(name),
    watch: (changed) => eventsOf(broker).subscribe((event) => 'topic' in event && changed(event.topic)),
  })
}

function groupsOf(broker: Broker): Observable<readonly GroupSummary[]> {
  return liveList(broker, {
    ids: () => broker.groupIds(),
    find: (id) => broker.group(id),
    watch: (changed) => eventsOf(broker).subscribe((event) => 'groupId' in event && changed(event.groupId)),
  })
}
