import type { Channel } from '../../core/net/channel.ts'
import { errorName } from '../../core/protocol/errors.ts'
import { ConsumerGroupHeartbeat } from '../../core/protocol/messages/consumer-group-heartbeat.ts'
import { DescribeTransactions } from '../../core/protocol/messages/describe-transactions.ts'
import { EndTxn } from '../../core/protocol/messages/end-txn.ts'
import { FindCoordinator } from '../../core/protocol/messages/find-coordinator.ts'
import { Heartbeat } from '../../core/protocol/messages/heartbeat.ts'
import { InitProducerId } from '../../core/protocol/messages/init-producer-id.ts'
import { JoinGroup } from '../../core/protocol/messages/join-group.ts'
import { ListOffsets } from '../../core/protocol/messages/list-offsets.ts'
import { OffsetCommit } from '../../core/protocol/messages/offset-commit.ts'
import { OffsetFetch } from '../../core/protocol/messages/offset-fetch.ts'
import { Produce } from '../../core/protocol/messages/produce.ts'
import { SyncGroup } from '../../core/protocol/messages/sync-group.ts'
import { batch, createTopic } from './wire.ts'

const TOPIC = 'kept'
const IN_TRANSACTION = 'open'
const STAMPED = 'stamped'
const BATCHES = 20
const IDLE = 'idle'

export interface LongLivedOptions {
  /** Wall time that records are given. */
  readonly now: () => number
  readonly retentionMs: number
  readonly sessionTimeoutMs: number
  readonly transactionTimeoutMs: number
}

/**
 * Everything in a broker that has a time to live: records under retention, a member of either group protocol, committed offsets, an idempotent
 * producer, a transactional id without and one with an open transaction. None of it may go because a wall clock leaps.
 */
export class LongLived {
  readonly #channel: Channel
  readonly #options: LongLivedOptions
  #classic: { memberId: string; generationId: number }
  #epoch: number
  #producerId: number
  #first: Buffer
  #transaction: { producerId: number; producerEpoch: number }

  private constructor(channel: Channel, options: LongLivedOptions) {
    this.#channel = channel
    this.#options = options
    this.#classic = { memberId: '', generationId: -1 }
    this.#epoch = -1
    this.#producerId = -1
    this.#first = Buffer.alloc(0)
    this.#transaction = { producerId: -1, producerEpoch: -1 }
  }

  static async begin(channel: Channel, options: LongLivedOptions): Promise<LongLived> {
    const all = new LongLived(channel, options)
    await createTopic(channel, TOPIC, 1, {
      'retention.ms': String(options.retentionMs),
      'segment.bytes': '200',
      // Records must be welcome when the clock is a day behind.
      'message.timestamp.after.max.ms': String(Number.MAX_SAFE_INTEGER),
    })
    await createTopic(channel, IN_TRANSACTION)
    await createTopic(channel, STAMPED, 1, { 'message.timestamp.type': 'LogAppendTime' })
    for (const keyType of [0, 1]) await channel.request(FindCoordinator, 4, { keyType, coordinatorKeys: ['k'] })
    await all.#produce()
    await all.#commit()
    await all.#join()
    await all.#transact()
    return all
  }

  async #produce(): Promise<void> {
    const { producerId } = await this.#channel.request(InitProducerId, 4, { transactionalId: null, transactionTimeoutMs: 0 })
    this.#producerId = producerId
    for (let i = 0; i < BATCHES; i++) {
      const records = batch([`${i}`.padEnd(100, 'x')], { producerId, producerEpoch: 0, baseSequence: i }, this.#options.now())
      this.#first = i === BATCHES - 1 ? records : this.#first
      const { error } = await this.#send(records)
      if (error !== 'NONE') throw new Error(error)
    }
  }

  async #send(records: Buffer): Promise<{ error: string; offset: number }> {
    const { responses } = await this.#channel.request(Produce, 11, {
      acks: -1,
      timeoutMs: 5000,
      topicData: [{ name: TOPIC, partitionData: [{ index: 0, records: Buffer.from(records) }] }],
    })
    const answer = responses[0]!.partitionResponses[0]!
    return { error: errorName(answer.errorCode), offset: answer.baseOffset }
  }

  async #commit(): Promise<void> {
    const partitions = [{ partitionIndex: 0, committedOffset: 7, committedMetadata: '' }]
    const { topics } = await this.#channel.request(OffsetCommit, 9, { groupId: 'simple', topics: [{ name: TOPIC, partitions }] })
    if (topics[0]!.partitions[0]!.errorCode !== 0) throw new Error(errorName(topics[0]!.partitions[0]!.errorCode))
  }

  async #join(): Promise<void> {
    const join = (memberId: string) =>
      this.#channel.request(JoinGroup, 9, {
        groupId: 'classic',
        sessionTimeoutMs: this.#options.sessionTimeoutMs,
        rebalanceTimeoutMs: 60_000,
        memberId,
        protocolType: 'consumer',
        protocols: [{ name: 'range', metadata: Buffer.from('none') }],
      })
    const { memberId } = await join('')
    const { generationId } = await join(memberId)
    const protocol = { protocolType: 'consumer', protocolName: 'range' }
    const assignments = [{ memberId, assignment: Buffer.from('all') }]
    await this.#channel.request(SyncGroup, 5, { groupId: 'classic', generationId, memberId, ...protocol, assignments })
    this.#classic = { memberId, generationId }
    const joined = await this.#beatNew(0)
    this.#epoch = joined.memberEpoch
  }

  #beatNew(memberEpoch: number) {
    return this.#channel.request(ConsumerGroupHeartbeat, 1, {
      groupId: 'new',
      memberId: 'member',
      memberEpoch,
      rebalanceTimeoutMs: memberEpoch === 0 ? 60_000 : -1,
      subscribedTopicNames: memberEpoch === 0 ? [TOPIC] : null,
      topicPartitions: memberEpoch === 0 ? [] : null,
    })
  }

  async #transact(): Promise<void> {
    const init = (transactionalId: string) =>
      this.#channel.request(InitProducerId, 5, { transactionalId, transactionTimeoutMs: this.#options.transactionTimeoutMs })
    await init(IDLE)
    const { producerId, producerEpoch } = await init(IN_TRANSACTION)
    const records = batch(['x'], { producerId, producerEpoch, baseSequence: 0, transactional: true }, this.#options.now())
    const { responses } = await this.#channel.request(Produce, 12, {
      transactionalId: IN_TRANSACTION,
      acks: -1,
      timeoutMs: 5000,
      topicData: [{ name: IN_TRANSACTION, partitionData: [{ index: 0, records }] }],
    })
    if (responses[0]!.partitionResponses[0]!.errorCode !== 0) throw new Error(errorName(responses[0]!.partitionResponses[0]!.errorCode))
    this.#transaction = { producerId, producerEpoch }
  }

  /** Both members say that they are there. Answers what is wrong. */
  async beat(): Promise<string[]> {
    const { errorCode } = await this.#channel.request(Heartbeat, 4, { groupId: 'classic', ...this.#classic })
    const beaten = await this.#beatNew(this.#epoch)
    this.#epoch = beaten.errorCode === 0 ? beaten.memberEpoch : this.#epoch
    return [
      ...(errorCode === 0 ? [] : [`the classic member is told ${errorName(errorCode)}`]),
      ...(beaten.errorCode === 0 ? [] : [`the member of the new protocol is told ${errorName(beaten.errorCode)}`]),
    ]
  }

  /** What has gone. */
  async missing(): Promise<string[]> {
    const gone: string[] = []
    const start = await this.logStart()
    if (start !== 0) gone.push(`records before ${start} are deleted`)
    const topics = [{ name: TOPIC, partitionIndexes: [0] }]
    const { groups } = await this.#channel.request(OffsetFetch, 8, { groups: [{ groupId: 'simple', topics }] })
    const { committedOffset } = groups[0]!.topics[0]!.partitions[0]!
    if (committedOffset !== 7) gone.push(`the committed offset is ${committedOffset}`)
    const ids = [IDLE, IN_TRANSACTION]
    const { transactionStates } = await this.#channel.request(DescribeTransactions, 0, { transactionalIds: ids })
    const states = transactionStates.map(({ transactionState, errorCode }) => (errorCode === 0 ? transactionState : errorName(errorCode)))
    if (states.join() !== 'Empty,Ongoing') gone.push(`the transactional ids are ${states.join()}`)
    // The last batch again: known as what it is, or written a second time.
    const repeated = await this.#send(this.#first)
    if (repeated.error !== 'NONE' || repeated.offset !== BATCHES - 1)
      gone.push(`a repeated batch of producer ${this.#producerId} is answered ${repeated.error} at ${repeated.offset}`)
    return gone
  }

  async logStart(): Promise<number> {
    const { topics } = await this.#channel.request(ListOffsets, 7, {
      replicaId: -1,
      topics: [{ name: TOPIC, partitions: [{ partitionIndex: 0, timestamp: -2 }] }],
    })
    return topics[0]!.partitions[0]!.offset
  }

  /** What time it is for the broker: the one that it gives a record. */
  async brokerTime(): Promise<number> {
    const { responses } = await this.#channel.request(Produce, 11, {
      acks: -1,
      timeoutMs: 5000,
      topicData: [{ name: STAMPED, partitionData: [{ index: 0, records: batch(['now']) }] }],
    })
    return responses[0]!.partitionResponses[0]!.logAppendTimeMs
  }

  /** Commits the open transaction; answers the error. */
  async end(): Promise<string> {
    const answer = await this.#channel.request(EndTxn, 5, { transactionalId: IN_TRANSACTION, ...this.#transaction, committed: true })
    return errorName(answer.errorCode)
  }
}
