import type { Observable } from 'rxjs'

import { json, string } from '../../core/index.ts'
import type {
  Broker,
  Client,
  Consumer,
  ConsumerBatch,
  ConsumerMetricName,
  MetricsSnapshot,
  Producer,
  ProducerMetricName,
  ListedGroup,
  ListedTransaction,
  TopicDescription,
} from '../../core/index.ts'
import { observe } from '../../core/observe/index.ts'
import type {
  Assignment,
  BrokerEvent,
  GroupDetails,
  GroupMember,
  GroupSummary,
  ObservedAssignment,
  ObservedBatch,
  ObservedError,
  ObservedGroup,
  ObservedLag,
  ObservedRecord,
  PartitionLag,
  QuotaSummary,
  TopicSummary,
  TransactionSummary,
} from '../../core/observe/index.ts'

/** Checked by tsc, never run: the overloads of observe(), and the union of events. */

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
function expect<_T extends true>(): void {}

declare const broker: Broker
declare const client: Client
declare const consumer: Consumer
declare const producer: Producer

const seen = observe(broker)
expect<Equal<typeof seen.events$, Observable<BrokerEvent>>>()
expect<Equal<typeof seen.errors$, Observable<ObservedError>>>()
expect<Equal<typeof seen.topics$, Observable<readonly TopicSummary[]>>>()
expect<Equal<typeof seen.groups$, Observable<readonly GroupSummary[]>>>()
expect<Equal<typeof seen.quotas$, Observable<readonly QuotaSummary[]>>>()
expect<Equal<typeof seen.transactions$, Observable<readonly TransactionSummary[]>>>()

const group = observe({ broker, groupId: 'g' })
expect<Equal<typeof group, ObservedGroup>>()
expect<Equal<typeof group.group$, Observable<GroupDetails>>>()
expect<Equal<typeof group.state$, Observable<string>>>()
expect<Equal<typeof group.members$, Observable<readonly GroupMember[]>>>()
expect<Equal<typeof group.assignments$, Observable<readonly Assignment[]>>>()
expect<Equal<typeof group.lag$, Observable<readonly PartitionLag[]>>>()
expect<Equal<typeof group.errors$, Observable<ObservedError>>>()
expect<Equal<PartitionLag['lag'], number | null>>()
const far = observe({ client, groupId: 'g' }, { intervalMs: 5000 })
expect<Equal<typeof far, ObservedGroup>>()

const cluster = observe(client, { intervalMs: 500 })
expect<Equal<typeof cluster.topics$, Observable<readonly TopicDescription[]>>>()
expect<Equal<typeof cluster.groups$, Observable<readonly ListedGroup[]>>>()
expect<Equal<typeof cluster.transactions$, Observable<readonly ListedTransaction[]>>>()
expect<Equal<typeof cluster.errors$, Observable<ObservedError>>>()

const { batches$ } = observe(consumer, { credit: 4 })
expect<Equal<typeof batches$, Observable<ObservedBatch>>>()
const read = observe(consumer)
expect<Equal<typeof read.records$, Observable<ObservedRecord<Buffer, Buffer>>>>()
expect<Equal<typeof read.assignments$, Observable<ObservedAssignment>>>()
expect<Equal<typeof read.lag$, Observable<readonly ObservedLag[]>>>()
expect<Equal<typeof read.metrics$, Observable<MetricsSnapshot<ConsumerMetricName>>>>()
expect<Equal<typeof read.errors$, Observable<ObservedError>>>()
const typed = observe(consumer, { key: string, value: json<{ n: number }>() })
expect<Equal<typeof typed.records$, Observable<ObservedRecord<string, { n: number }>>>>()
typed.records$.subscribe(({ key, value }) => [key?.length, value?.n])
const written = observe(producer, { intervalMs: 100 })
expect<Equal<typeof written.metrics$, Observable<MetricsSnapshot<ProducerMetricName>>>>()
producer.metrics().value('record-send-rate', { topic: 't' })
consumer.metrics().value('records-lag-max')
// @ts-expect-error a producer has no lag
producer.metrics().value('records-lag-max')
// @ts-expect-error a producer reads nothing
void written.records$
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
    | 'transactionChanged'
    | 'quotasChanged'
    | 'directoryChanged'
    | 'recordsLost'
    | 'telemetry'
    | 'error'
    | 'closing'
  >
>()
expect<Equal<EventOf<'topicCreated'>['partitions'], number>>()
expect<Equal<EventOf<'groupChanged'>['groupId'], string>>()
expect<Equal<EventOf<'transactionChanged'>['transactionalId'], string>>()
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
    case 'quotasChanged':
      return `${event.entities}`
    case 'transactionChanged':
      return event.transactionalId
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
// @ts-expect-error a broker tells, it is not asked
observe(broker, { intervalMs: 1 })
// @ts-expect-error options are named
observe(consumer, { credits: 1 })
// @ts-expect-error options are named
observe(client, { interval: 1 })
// @ts-expect-error a group has a name
observe({ broker })
// @ts-expect-error a group is somebody's
observe({ groupId: 'g' })
// @ts-expect-error lists are not to be changed
observe(broker).topics$.subscribe((topics) => topics.push())
// @ts-expect-error members neither
group.members$.subscribe(([member]) => (member!.clientId = ''))
