import { Observable } from 'rxjs'

import type { Broker } from '../broker/broker.ts'
import type { BrokerEvents } from '../broker/events.ts'

type EventType = Exclude<keyof BrokerEvents, 'closed'>

/** Something that happened in a broker: `{ type: 'topicCreated', topic, partitions }` and so on. */
export type BrokerEvent = { [Type in EventType]: { readonly type: Type } & Readonly<BrokerEvents[Type]> }[EventType]

/** A record, so that a new event does not compile until it is named here. */
const eventTypes: Record<EventType, true> = {
  topicCreated: true,
  topicDeleted: true,
  topicChanged: true,
  logCleaned: true,
  groupChanged: true,
  transactionChanged: true,
  quotasChanged: true,
  directoryChanged: true,
  recordsLost: true,
  telemetry: true,
  error: true,
  closing: true,
}

/** What happens in a broker from now on, until it is closed. */
export function eventsOf(broker: Broker): Observable<BrokerEvent> {
  return new Observable((subscriber) => {
    if (broker.isClosed) return subscriber.complete()
    for (const type of Object.keys(eventTypes) as EventType[]) {
      subscriber.add(broker.events.on(type, (event) => subscriber.next({ type, ...event } as BrokerEvent)))
    }
    subscriber.add(broker.events.on('closed', () => subscriber.complete()))
  })
}

/** Emits once, when the broker begins to close; at once when it is closed. */
export function closedOf(broker: Broker): Observable<void> {
  return new Observable((subscriber) => {
    const end = (): void => {
      subscriber.next()
      subscriber.complete()
    }
    if (broker.isClosed) return end()
    subscriber.add(broker.events.on('closing', end))
    subscriber.add(broker.events.on('closed', end))
  })
}
