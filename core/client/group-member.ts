import type { Timer } from '../base/clock.ts'
import { MoldauError } from '../base/errors.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { ConnectionsWatcher } from '../cluster/connections-watcher.ts'
import type { Connections } from '../cluster/connections.ts'
import type { TopicPartition } from '../cluster/topic-partition.ts'
import { KafkaError, throwOnError } from '../protocol/errors.ts'
import { Heartbeat } from '../protocol/messages/heartbeat.ts'
import { LeaveGroup } from '../protocol/messages/leave-group.ts'
import type { Assignor } from './assignors/assignor.ts'
import { isCooperative, resolveAssignors } from './assignors/assignors.ts'
import type { AssignorName } from './assignors/assignors.ts'
import { fencedInstance, joinGroup } from './group-join.ts'
import type { Joined } from './group-join.ts'
import type { LastAssignment } from './assignors/assignor.ts'
import { sayGoodbye } from './farewell.ts'
import type { Generations } from './generations.ts'
import type { Membership, MeantPartition, Subscription } from './membership.ts'
import { TopicPattern } from './topic-pattern.ts'
import type { GroupMetadata } from './types.ts'

export interface GroupMemberOptions {
  cluster: Cluster
  groupId: string
  watcher: ConnectionsWatcher
  groupInstanceId: string | null
  rackId: string | null
  generations: Generations
  sessionTimeoutMs: number
  maxPollIntervalMs: number
  heartbeatIntervalMs: number
  allowAutoCreateTopics: boolean
  partitionAssignmentStrategy: readonly (AssignorName | Assignor)[]
  /** A rebalance is due, or something fatal has happened: the next poll has to see to it. */
  onAttention: () => void
}

/**
 * One member of a consumer group (classic protocol): joins, heartbeats, leaves. Who polls decides when: a rebalance is only announced
 * here, and begun by {@link GroupMember.join}.
 */
export class GroupMember implements Membership {
  readonly #options: GroupMemberOptions
  readonly #assignors: readonly Assignor[]
  readonly #connections: Connections
  /** A join may be answered minutes later, so nothing else goes over its connection. */
  readonly #joinConnections: Connections
  #topics: readonly string[]
  readonly #pattern: TopicPattern
  #memberId: string
  #last: LastAssignment | undefined
  #joinNeeded: boolean
  #lost: boolean
  #fatal: Error | undefined
  #watched: Map<string, number> | undefined
  #unwatch: () => void
  #heartbeat: Timer | undefined
  #polledAt: number
  #joining: boolean
  #closed: boolean

  constructor(options: GroupMemberOptions) {
    this.#options = options
    this.#assignors = resolveAssignors(options.partitionAssignmentStrategy)
    this.#connections = options.cluster.connections(options.watcher)
    this.#joinConnections = options.cluster.connections(options.watcher)
    this.#topics = []
    this.#pattern = new TopicPattern(options.cluster, (topics) => this.#want(topics))
    this.#memberId = ''
    this.#last = undefined
    this.#joinNeeded = false
    this.#lost = false
    this.#fatal = undefined
    this.#watched = undefined
    this.#unwatch = options.cluster.onMetadata(() => this.#compareWatched())
    this.#heartbeat = undefined
    this.#polledAt = options.cluster.clock.monotonic()
    this.#joining = false
    this.#closed = false
  }

  /** The group has to be joined (again). */
  get due(): boolean {
    return this.#joinNeeded && !this.#joining
  }

  /** The partitions have gone to others already. */
  get lost(): boolean {
    return this.#lost
  }

  get fatal(): Error | undefined {
    return this.#fatal
  }

  get metadata(): GroupMetadata {
    return this.#options.generations.current
  }

  subscribe(subscription: Subscription): void {
    if (subscription instanceof RegExp) this.#pattern.watch(subscription)
    else {
      this.#pattern.stop()
      this.#want(subscription)
    }
  }

  #want(topics: readonly string[]): void {
    this.#topics = topics
    this.#needJoin()
  }

  enforceRebalance(): void {
    this.#needJoin()
  }

  /** The program is alive: a member that does not poll for `maxPollIntervalMs` leaves. */
  polled(): void {
    this.#polledAt = this.#options.cluster.clock.monotonic()
  }

  /** The eager protocol wants everything given up before each join, the cooperative one only what is not wanted any more (KIP-429). */
  keeps(held: readonly TopicPartition[]): readonly TopicPartition[] {
    return isCooperative(this.#assignors) ? held.filter(({ topic }) => this.#topics.includes(topic)) : []
  }

  /** Joins, and again until a round ends well, or shows that what was kept belongs to others. */
  async join(held: readonly TopicPartition[]): Promise<readonly MeantPartition[] | undefined> {
    const { groupId, cluster, generations } = this.#options
    this.#joinNeeded = false
    this.#lost = false
    this.#heartbeat?.cancel()
    this.#joining = true
    const call = { what: `join group '${groupId}'`, timeoutMs: Infinity, stopped: () => this.#stopped() }
    try {
      for (;;) {
        const options = { ...this.#options, assignors: this.#assignors, topics: this.#topics, owned: held, last: this.#last }
        const joined = await cluster.coordinators.run('group', groupId, this.#joinConnections, call, (connection) =>
          joinGroup(connection, options, this.#memberId, (id) => (this.#memberId = id)),
        )
        if (typeof joined !== 'string') return this.#joined(joined)
        // Others have rebalanced without us.
        if (joined === 'UNKNOWN_MEMBER_ID' || joined === 'ILLEGAL_GENERATION') {
          generations.end()
          if (held.length > 0) {
            this.#lost = true
            this.#joinNeeded = true
            return undefined
          }
        }
      }
    } finally {
      this.#joining = false
    }
  }

  #joined({ generation, memberId, partitions, userData, assignor, watched }: Joined): readonly MeantPartition[] {
    this.#options.generations.set(generation, memberId)
    this.#memberId = memberId
    this.#last = { partitions, generation }
    this.#watched = watched
    this.#assignors.find(({ name }) => name === assignor)?.onAssignment?.({ partitions, generation, userData })
    this.#compareWatched()
    this.#schedule()
    return partitions
  }

  /** What was revoked can only be given to others in another round. */
  reconciled(_held: readonly TopicPartition[], revoked: boolean): void {
    if (revoked) this.#needJoin()
  }

  refused(error: KafkaError, group: GroupMetadata): boolean {
    this.#notice(error, group)
    const { kafkaCode } = error
    const isOld = kafkaCode === 'ILLEGAL_GENERATION' || kafkaCode === 'REBALANCE_IN_PROGRESS'
    return isOld && !this.#lost && (this.#joining || group !== this.metadata)
  }

  /** Ends membership. @param leave false: the member only goes away, and keeps its partitions until its session times out */
  async close(leave: boolean): Promise<void> {
    if (this.#closed) return
    const { cluster } = this.#options
    this.#heartbeat?.cancel()
    this.#pattern.stop()
    this.#unwatch()
    if (leave && this.#memberId !== '' && this.#fatal === undefined) await this.#leave('the consumer was closed')
    this.#closed = true
    cluster.release(this.#connections)
    cluster.release(this.#joinConnections)
  }

  async #leave(reason: string): Promise<void> {
    const { cluster, groupId, groupInstanceId } = this.#options
    const memberId = this.#memberId
    await sayGoodbye(cluster, groupId, this.#connections, async (connection) => {
      const members = [{ memberId, groupInstanceId, reason }]
      const body = connection.version(LeaveGroup) >= 3 ? { groupId, members } : { groupId, memberId }
      throwOnError((await connection.request(LeaveGroup, body)).errorCode, `leave group '${groupId}'`)
    })
  }

  #schedule(): void {
    const { cluster, heartbeatIntervalMs } = this.#options
    this.#heartbeat?.cancel()
    if (this.#closed) return
    this.#heartbeat = cluster.clock.after(heartbeatIntervalMs, () => void this.#beat())
  }

  async #beat(): Promise<void> {
    const { cluster, groupId, groupInstanceId, maxPollIntervalMs, sessionTimeoutMs } = this.#options
    const group = this.metadata
    const { generation: generationId, memberId } = group
    if (cluster.clock.monotonic() - this.#polledAt > maxPollIntervalMs) {
      cluster.logger.warn({ groupId, maxPollIntervalMs }, 'group: poll() was not called in time, the member leaves')
      if (groupInstanceId === null) await this.#leave('poll was not called in time')
      this.#loose()
      return
    }
    this.#lookForMissingTopics()
    const call = { what: `heartbeat of group '${groupId}'`, timeoutMs: sessionTimeoutMs, stopped: () => this.#stopped() }
    try {
      await cluster.coordinators.run('group', groupId, this.#connections, call, async (connection) => {
        const body = { groupId, generationId, memberId, ...(groupInstanceId === null ? {} : { groupInstanceId }) }
        throwOnError((await connection.request(Heartbeat, body)).errorCode, call.what)
      })
    } catch (error) {
      this.#notice(error, group)
    }
    if (this.#fatal === undefined && !this.#lost && !this.#joining && this.metadata === group) this.#schedule()
  }

  /**
   * What an answer to a request of `generation` means for membership. Nothing while a join is on its way: the group may be a generation
   * ahead of what we know, and the join will tell.
   */
  #notice(error: unknown, group: GroupMetadata): void {
    if (!(error instanceof KafkaError) || this.#joining || group.generation < 0 || group !== this.metadata) return
    const { groupId, groupInstanceId, onAttention } = this.#options
    if (error.kafkaCode === 'FENCED_INSTANCE_ID') {
      this.#fatal = fencedInstance(groupId, groupInstanceId)
      onAttention()
    } else if (error.kafkaCode === 'REBALANCE_IN_PROGRESS') this.#needJoin()
    else if (error.kafkaCode === 'UNKNOWN_MEMBER_ID' || error.kafkaCode === 'ILLEGAL_GENERATION') {
      if (error.kafkaCode === 'UNKNOWN_MEMBER_ID') this.#memberId = ''
      this.#loose()
    }
  }

  #loose(): void {
    this.#options.generations.end()
    this.#lost = true
    this.#needJoin()
  }

  #needJoin(): void {
    this.#joinNeeded = true
    this.#options.onAttention()
  }

  /** The leader sees to it that partitions which were added are read. */
  #compareWatched(): void {
    if (this.#watched === undefined || this.#joinNeeded) return
    const { topics } = this.#options.cluster.image
    for (const [topic, count] of this.#watched) {
      const now = topics.get(topic)?.partitions.length ?? count
      if (now === count) continue
      this.#watched = undefined
      this.#needJoin()
      return
    }
  }

  #lookForMissingTopics(): void {
    const { cluster } = this.#options
    cluster.refreshIfOld()
    const missing = [...(this.#watched ?? [])].filter(([, count]) => count === 0).map(([topic]) => topic)
    if (missing.length > 0) cluster.refresh(missing).catch(() => {})
  }

  #stopped(): Error | undefined {
    return this.#closed ? new MoldauError('CLOSED', 'the consumer was closed') : undefined
  }
}
