import type { Timer } from '../base/clock.ts'
import { MoldauError } from '../base/errors.ts'
import { randomUuid } from '../base/uuid.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { ConnectionsWatcher } from '../cluster/connections-watcher.ts'
import type { Connections } from '../cluster/connections.ts'
import { isRetriableError } from '../cluster/retry.ts'
import { KafkaError } from '../protocol/errors.ts'
import { sayGoodbye } from './farewell.ts'
import type { Generations } from './generations.ts'
import { heartbeat, leaveGroup } from './group-heartbeat.ts'
import type { HeartbeatSettings } from './group-heartbeat.ts'
import { fencedInstance } from './group-join.ts'
import type { MeantPartition, Membership, Subscription } from './membership.ts'
import { Reconciliation } from './reconciliation.ts'
import type { TopicIdPartition } from './reconciliation.ts'
import { SubscribedTopics } from './subscribed-topics.ts'
import { TopicNames } from './topic-names.ts'
import type { GroupMetadata } from './types.ts'

export interface ConsumerMemberOptions extends HeartbeatSettings {
  cluster: Cluster
  watcher: ConnectionsWatcher
  generations: Generations
  /** How long the instance id may be in use still by somebody who has crashed: the session time-out of the brokers. */
  sessionTimeoutMs: number
  /** A step is due, or something fatal has happened: the next poll has to see to it. */
  onAttention: () => void
}

/** Until the first answer tells the interval. */
const FIRST_INTERVAL_MS = 1000

/**
 * One member of a consumer group of KIP-848: says that it is there by heartbeats, one at a time, whose answers bring its epoch and the partitions
 * that it shall hold. How it gets from what it holds to those is {@link Reconciliation}'s.
 */
export class ConsumerMember implements Membership {
  readonly #options: ConsumerMemberOptions
  readonly #connections: Connections
  readonly #reconciliation: Reconciliation
  readonly #names: TopicNames
  readonly #topics: SubscribedTopics
  readonly #memberId: string
  #lost: boolean
  #joinNeeded: boolean
  #fatal: Error | undefined
  #timer: Timer | undefined
  #intervalMs: number
  #beating: Promise<void> | undefined
  #polledAt: number
  #unreleasedSince: number | undefined
  #closed: boolean

  constructor(options: ConsumerMemberOptions) {
    const { cluster } = options
    this.#options = options
    this.#connections = cluster.connections(options.watcher)
    this.#reconciliation = new Reconciliation()
    this.#names = new TopicNames(cluster, options.onAttention)
    this.#topics = new SubscribedTopics(cluster, () => this.#subscriptionChanged())
    this.#memberId = randomUuid(cluster.policy.random)
    this.#lost = false
    this.#joinNeeded = false
    this.#fatal = undefined
    this.#timer = undefined
    this.#intervalMs = FIRST_INTERVAL_MS
    this.#beating = undefined
    this.#polledAt = cluster.clock.monotonic()
    this.#unreleasedSince = undefined
    this.#closed = false
  }

  get metadata(): GroupMetadata {
    return this.#options.generations.current
  }

  get fatal(): Error | undefined {
    return this.#fatal
  }

  get due(): boolean {
    return this.#joinNeeded || this.#reconciliation.isDue(this.#isKnown)
  }

  get lost(): boolean {
    return this.#lost
  }

  subscribe(subscription: Subscription): void {
    this.#topics.set(subscription)
  }

  /** The broker shares out, and knows all that there is to know. */
  enforceRebalance(): void {}

  polled(): void {
    this.#polledAt = this.#options.cluster.clock.monotonic()
  }

  /** Everything: what has to go is known when the coordinator has said so. */
  keeps(held: readonly MeantPartition[]): readonly MeantPartition[] {
    return held
  }

  async join(): Promise<readonly MeantPartition[] | undefined> {
    this.#lost = false
    this.#joinNeeded = false
    while (this.#reconciliation.epoch === 0) {
      await this.#beat()
      if (this.#fatal !== undefined || this.#closed) return undefined
    }
    if (this.#lost) return undefined
    return this.#reconciliation.begin(this.#isKnown).map((tp) => ({ topic: this.#names.get(tp.topicId)!, ...tp }))
  }

  reconciled(held: readonly MeantPartition[]): void {
    this.#reconciliation.finished(held as readonly TopicIdPartition[])
    void this.#beat()
  }

  /** A commit with an old epoch is tried again with the new one, which the next heartbeat brings (Kafka's STALE_MEMBER_EPOCH). */
  refused(error: KafkaError, group: GroupMetadata): boolean {
    if (error.kafkaCode === 'FENCED_INSTANCE_ID') this.#fail(error)
    if (error.kafkaCode !== 'STALE_MEMBER_EPOCH') return false
    if (group === this.metadata) void this.#beat()
    return this.#reconciliation.epoch > 0
  }

  async close(leave: boolean): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#timer?.cancel()
    this.#topics.close()
    const isStatic = this.#options.groupInstanceId !== null
    if (this.#reconciliation.epoch > 0 && this.#fatal === undefined && (leave || isStatic)) await this.#leave(leave ? -1 : -2)
    this.#options.cluster.release(this.#connections)
  }

  readonly #isKnown = (topicId: string): boolean => this.#names.get(topicId) !== undefined

  #subscriptionChanged(): void {
    this.#reconciliation.failed()
    if (this.#reconciliation.epoch > 0) void this.#beat()
    else {
      this.#joinNeeded = true
      this.#options.onAttention()
    }
  }

  /** One heartbeat, and a second one when there is something new to say. Joins what is under way. */
  async #beat(): Promise<void> {
    this.#timer?.cancel()
    while (this.#beating !== undefined) await this.#beating
    if (this.#closed || this.#fatal !== undefined) return
    this.#beating = this.#beatOnce()
    try {
      await this.#beating
    } finally {
      this.#beating = undefined
    }
    if (this.#reconciliation.epoch > 0) this.#schedule()
  }

  #schedule(): void {
    this.#timer?.cancel()
    if (this.#closed || this.#fatal !== undefined || this.#lost) return
    const waitsForUs = this.#reconciliation.owes && !this.due
    this.#timer = this.#options.cluster.clock.after(waitsForUs ? 0 : this.#intervalMs, () => void this.#beat())
  }

  async #beatOnce(): Promise<void> {
    const { cluster, groupId, maxPollIntervalMs, onAttention } = this.#options
    if (cluster.clock.monotonic() - this.#polledAt > maxPollIntervalMs && this.#reconciliation.epoch > 0) {
      cluster.logger.warn({ groupId, maxPollIntervalMs }, 'group: poll() was not called in time, the member leaves')
      await this.#leave(this.#options.groupInstanceId === null ? -1 : -2)
      this.#lose()
      return
    }
    const call = {
      what: `heartbeat of group '${groupId}'`,
      timeoutMs: Infinity,
      stopped: () => this.#stopped(),
      retriable: (error: unknown) => this.#isUnreleased(error),
    }
    try {
      const answer = await cluster.coordinators.run('group', groupId, this.#connections, call, async (connection) => {
        const subscription = this.#topics.for(connection)
        const beat = this.#reconciliation.beat()
        try {
          return await heartbeat(connection, this.#options, this.#memberId, beat, subscription)
        } catch (error) {
          this.#reconciliation.failed()
          throw error
        }
      })
      this.#unreleasedSince = undefined
      this.#intervalMs = answer.heartbeatIntervalMs
      this.#reconciliation.answered(answer.memberEpoch, answer.assignment)
      this.#options.generations.set(answer.memberEpoch, answer.memberId)
      this.#names.want(new Set(Array.from(this.#reconciliation.target, ({ topicId }) => topicId)))
      if (this.due) onAttention()
    } catch (error) {
      this.#notice(error as Error)
    }
  }

  #notice(error: Error): void {
    if (this.#closed) return
    if (error instanceof KafkaError && (error.kafkaCode === 'FENCED_MEMBER_EPOCH' || error.kafkaCode === 'UNKNOWN_MEMBER_ID')) this.#lose()
    else if (!isRetriableError(error)) this.#fail(error)
  }

  /** A static member that crashed is believed to be there until its session ends: its successor waits so long, and no longer. */
  #isUnreleased(error: unknown): boolean {
    if (!(error instanceof KafkaError) || error.kafkaCode !== 'UNRELEASED_INSTANCE_ID') return false
    const { cluster, sessionTimeoutMs } = this.#options
    const now = cluster.clock.monotonic()
    this.#unreleasedSince ??= now
    return now - this.#unreleasedSince < sessionTimeoutMs
  }

  #fail(error: Error): void {
    const { groupId, groupInstanceId, onAttention } = this.#options
    const fenced = error instanceof KafkaError && ['FENCED_INSTANCE_ID', 'UNRELEASED_INSTANCE_ID'].includes(error.kafkaCode)
    this.#fatal = fenced ? fencedInstance(groupId, groupInstanceId) : error
    this.#timer?.cancel()
    onAttention()
  }

  #lose(): void {
    this.#options.generations.end()
    this.#reconciliation.lose()
    this.#lost = true
    this.#joinNeeded = true
    this.#options.onAttention()
  }

  async #leave(epoch: -1 | -2): Promise<void> {
    const { cluster, groupId } = this.#options
    await sayGoodbye(cluster, groupId, this.#connections, (connection) => leaveGroup(connection, this.#options, this.#memberId, epoch))
  }

  #stopped(): Error | undefined {
    return this.#closed ? new MoldauError('CLOSED', 'the consumer was closed') : undefined
  }
}
