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
import type { Broker } from '../broker/broker.ts'
import type { Client } from '../client/client.ts'
import type { Consumer } from '../client/consumer.ts'
import { observeBroker, type ObservedBroker } from './broker.ts'
import { observeClient, type ObservedCluster } from './client.ts'
import { observeConsumer, type ObserveConsumerOptions, type ObservedConsumer } from './consumer.ts'
import { type GroupOfBroker, type GroupOfClient, observeGroupOfBroker, observeGroupOfClient, type ObservedGroup } from './group.ts'
import { checkInterval, type PollOptions } from './polled.ts'

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
export type { ObserveConsumerOptions, ObservedBatch, ObservedConsumer } from './consumer.ts'
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
 * The batches that a consumer reads, no faster than they are dealt with.
 * @throws MoldauError INVALID_ARGUMENT
 */
export function observe(consumer: Consumer, options?: ObserveConsumerOptions): ObservedConsumer
/**
 * Topics, groups and transactions of any cluster, asked for every `intervalMs` as long as somebody has subscribed. They complete when the client
 * is closed.
 * @throws MoldauError INVALID_ARGUMENT
 */
export function observe(client: Client, options?: PollOptions): ObservedCluster
export function observe(
  target: Broker | Consumer | Client | GroupOfBroker | GroupOfClient,
  options: ObserveConsumerOptions & PollOptions = {},
): ObservedBroker | ObservedConsumer | ObservedCluster | ObservedGroup {
  if ('poll' in target) return observeConsumer(target, options)
  checkInterval(options)
  if ('groupId' in target) return 'broker' in target ? observeGroupOfBroker(target, options) : observeGroupOfClient(target, options)
  return 'admin' in target ? observeClient(target, options) : observeBroker(target)
}
