import type { Observable } from 'rxjs'

import type { Broker, Consumer, ConsumerBatch } from '../../core/index.ts'
import { observe } from '../../core/observe/index.ts'
import type { BrokerEvent, GroupSummary, ObservedBatch, TopicSummary } from '../../core/observe/index.ts'

/** Checked by tsc, never run: the overloads of observe(), and the union of events. */

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
function expect<_T extends true>(): void {}

declare const broker: Broker
declare const consumer: Consumer

const seen = observe(broker)
expect<Equal<typeof seen.events$, Observable<BrokerEvent>>>()
expect<Equal<typeof seen.topics$, Observable<readonly TopicSummary[]>>>()
expect<Equal<typeof seen.groups$, Observable<readonly GroupSummary[]>>>()

const { batches$ } = observe(consumer, { credit: 4 })
expect<Equal<typeof batches$, Observable<ObservedBatch>>>()
const asBatch: (batch: ObservedBatch) => ConsumerBatch = (batch) => batch
void asBatch

type EventOf<Type extends BrokerEvent['type']> = Extract<BrokerEvent, { type: Type }>
expect<
  Equal<
    BrokerEvent['type'],
    | 'topicCreated'
    | 'topicDeleted'
    | 'topicChanged'
    | 'logCleaned'
    | 'groupChanged'
    | 'directoryChanged'
    | 'recordsLost'
    | 'telemetry'
    | 'error'
    | 'closing'
  >
>()
expect<Equal<EventOf<'topicCreated'>['partitions'], number>>()
expect<Equal<EventOf<'groupChanged'>['groupId'], string>>()
expect<Equal<EventOf<'error'>['cause'], unknown>>()

export function lineOf(event: BrokerEvent): string {
  switch (event.type) {
    case 'topicCreated':
    case 'topicChanged':
      return `${event.topic} ${event.partitions}`
    case 'topicDeleted':
      // @ts-expect-error a topic that is gone has no partitions
      return `${event.topic} ${event.partitions}`
    case 'logCleaned':
      return `${event.topic}-${event.partition} ${event.bytesAfter}`
    case 'groupChanged':
      return event.groupId
    case 'directoryChanged':
      return `${event.dir} ${event.directory.state === 'failing' ? event.directory.cause : 'works'}`
    case 'recordsLost':
      return `${event.topic}-${event.partition} ${event.from} to ${event.to}`
    case 'telemetry':
      return `${event.clientId} ${event.metrics.length}`
    case 'error':
      return event.message
    case 'closing':
      return `${event.nodeId}`
  }
}

// @ts-expect-error a broker has no batches
void seen.batches$
// @ts-expect-error credit is a consumer's
observe(broker, { credit: 1 })
// @ts-expect-error options are named
observe(consumer, { credits: 1 })
// @ts-expect-error lists are not to be changed
observe(broker).topics$.subscribe((topics) => topics.push())
