/**
 * RxJS at the edge of the log: what brokers and groups show and what a consumer reads, as Observables. `moldau/core` itself does not load RxJS.
 *
 * ```ts
 * import { observe } from 'moldau/core/observe'
 *
 * observe(broker).topics$.subscribe((topics) => console.log(topics.map((topic) => topic.name)))
 * observe({ broker, groupId: 'readers' }).lag$.subscribe((lag) => console.table(lag))
 * ```
 */
import { MoldauError } from '../base/errors.ts'
import type { Broker } from '../broker/broker.ts'
import type { Client } from '../client/client.ts'
import type { Consumer } from '../client/consumer.ts'
import { observeBroker, type ObservedBroker } from './broker.ts'
import { observeClient, type ObservedCluster } from './client.ts'
import type { Producer } from '../client/producer.ts'
import { observeProducer, type ObservedProducer } from './producer.ts'
import { observeConsumer, type ObserveConsumerOptions, type ObservedConsumer } from './consumer.ts'
import { type GroupOfBroker, type GroupOfClient, observeGroupOfBroker, observeGroupOfClient, type ObservedGroup } from './group.ts'
import { checkInterval, checkOptionNames, pollOptionNames, type PollOptions } from './polled.ts'

export type {
  GroupDetails,
  GroupMember,
  GroupSummary,
  PartitionLag,
  QuotaSummary,
  TopicSummary,
  TransactionSummary,
} from '../broker/broker.ts'
export type { BrokerEvent } from './broker-events.ts'
export type { ObservedBroker } from './broker.ts'
export type { ObservedCluster } from './client.ts'
export type { ObservedProducer } from './producer.ts'
export type {
  ObserveConsumerOptions,
  ObservedAssignment,
  ObservedBatch,
  ObservedConsumer,
  ObservedLag,
  ObservedRecord,
} from './consumer.ts'
export type { Assignment, GroupOfBroker, GroupOfClient, ObservedGroup } from './group.ts'
export type { ObservedError, PollOptions } from './polled.ts'

/** Events, topics, groups, transactions and quotas of a broker in this process. They complete when it is closed. */
export function observe(broker: Broker): ObservedBroker
/**
 * State, members, assignments and lag of a consumer group: of a broker in this process, told of changes, or of any cluster, asked for every
 * `intervalMs`. They complete when the broker, or the client, is closed.
 * @throws MoldauError INVALID_ARGUMENT
 */
export function observe(group: GroupOfBroker | GroupOfClient, options?: PollOptions): ObservedGroup
/**
 * What a consumer reads, no faster than it is dealt with, and how it fares.
 * @throws MoldauError INVALID_ARGUMENT
 */
export function observe<K = Buffer, V = Buffer>(consumer: Consumer, options?: ObserveConsumerOptions<K, V>): ObservedConsumer<K, V>
/**
 * Metrics and errors of a producer. They complete when it is closed.
 * @throws MoldauError INVALID_ARGUMENT
 */
export function observe(producer: Producer, options?: PollOptions): ObservedProducer
/**
 * Topics, groups and transactions of any cluster, asked for every `intervalMs` as long as somebody has subscribed. They complete when the client
 * is closed.
 * @throws MoldauError INVALID_ARGUMENT
 */
export function observe(client: Client, options?: PollOptions): ObservedCluster
export function observe(
  target: Broker | Consumer | Producer | Client | GroupOfBroker | GroupOfClient,
  options: ObserveConsumerOptions & PollOptions = {},
): ObservedBroker | ObservedConsumer | ObservedProducer | ObservedCluster | ObservedGroup {
  if (typeof target !== 'object' || target === null) throw notObservable()
  if ('poll' in target) return observeConsumer(target, options)
  if ('describeGroup' in target) {
    checkOptionNames('broker', options, [])
    return observeBroker(target)
  }
  const polled = (what: string): PollOptions => {
    checkOptionNames(what, options, pollOptionNames)
    checkInterval(options)
    return options
  }
  if ('flush' in target) return observeProducer(target, polled('producer'))
  if ('admin' in target) return observeClient(target, polled('client'))
  if (!('groupId' in target)) throw notObservable()
  if ('broker' in target) return observeGroupOfBroker(target, polled('{ broker, groupId }'))
  if ('client' in target) return observeGroupOfClient(target, polled('{ client, groupId }'))
  throw notObservable()
}

function notObservable(): MoldauError {
  const what = 'a broker, a client, a producer, a consumer, { broker, groupId } or { client, groupId }'
  return new MoldauError('INVALID_ARGUMENT', `observe: give it ${what}`)
}
