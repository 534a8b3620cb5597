/**
 * RxJS at the edge of the log: what a broker shows and what a consumer reads, as Observables. `moldau/core` itself does not load RxJS.
 *
 * ```ts
 * import { observe } from 'moldau/core/observe'
 *
 * observe(broker).topics$.subscribe((topics) => console.log(topics.map((topic) => topic.name)))
 * ```
 */
import type { Broker } from '../broker/broker.ts'
import type { Consumer } from '../client/consumer.ts'
import { observeBroker, type ObservedBroker } from './broker.ts'
import { observeConsumer, type ObserveConsumerOptions, type ObservedConsumer } from './consumer.ts'

export type { GroupSummary, TopicSummary } from '../broker/broker.ts'
export type { BrokerEvent, ObservedBroker } from './broker.ts'
export type { ObserveConsumerOptions, ObservedBatch, ObservedConsumer } from './consumer.ts'

/** Events, topics and groups of a broker in this process. They complete when it is closed. */
export function observe(broker: Broker): ObservedBroker
/**
 * The batches that a consumer reads, no faster than they are dealt with.
 * @throws MoldauError INVALID_ARGUMENT
 */
export function observe(consumer: Consumer, options?: ObserveConsumerOptions): ObservedConsumer
export function observe(target: Broker | Consumer, options?: ObserveConsumerOptions): ObservedBroker | ObservedConsumer {
  return 'poll' in target ? observeConsumer(target, options) : observeBroker(target)
}
