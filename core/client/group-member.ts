import type { Timer } from '../base/clock.ts'
import { MoldauError } from '../base/errors.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { ConnectionsWatcher } from '../cluster/connections-watcher.ts'
import type { Connections } from '../cluster/connections.ts'
import type { TopicPartition } from '../cluster/topic-partition.ts'
import { KafkaError, throwOnError } from '../protocol/errors.ts'
import { Heartbeat } from '../protocol/messages/heartbeat.ts'
import { LeaveGroup } from '../protocol/messages/leave-group.ts'
import type { AssignorName } from './assignors.ts'
import { fencedInstance, joinGroup } from './group-join.ts'
import { commitGroupOffsets, fetchGroupOffsets } from './offset-requests.ts'
import type { GroupOffset } from './offset-requests.ts'
import type { GroupMetadata, OffsetToCommit } from './types.ts'

export interface GroupMemberOptions {
  cluster: Cluster
  groupId: string
  watcher: ConnectionsWatcher
  groupInstanceId: string | null
  sessionTimeoutMs: number
  maxPollIntervalMs: number
  heartbeatIntervalMs: number
  partitionAssignmentStrategy: readonly AssignorName[]
  /** A rebalance is due, or something fatal has happened: the next poll has to see to it. */
  onAttention: () => void
}

const LEAVE_TIMEOUT_MS = 5000

/**
 * One member of a consumer group (classic protocol): joins, heartbeats, leaves. Who polls decides when: a rebalance is only announced
 * here, and begun by {@link GroupMember.join}.
 */
export class GroupMember {
  readonly #options: GroupMemberOptions
  readonly #connections: Connections
  /** A join may be answered minutes later, so nothing else goes over its connection. */
  readonly #joinConnections: Connections
  #topics: readonly string[]
  #memberId: string
  #generation: number
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
    this.#connections = options.cluster.connections(options.watcher)
    this.#joinConnections = options.cluster.connections(options.watcher)
    this.#topics = []
    this.#memberId = ''
    this.#generation = -1
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
  get joinNeeded(): boolean {
    return this.#joinNeeded
  }

  /** The partitions have gone to others already. */
  get lost(): boolean {
    return this.#lost
  }

  get fatal(): Error | undefined {
    return this.#fatal
  }

  get metadata(): GroupMetadata {
    const { groupId, groupInstanceId } = this.#options
    return { groupId, generation: this.#generation, memberId: this.#generation < 0 ? '' : this.#memberId, groupInstanceId }
  }

  subscribe(topics: readonly string[]): void {
    this.#topics = topics
    this.#joinNeeded = true
  }

  /** The program is alive: a member that does not poll for `maxPollIntervalMs` leaves. */
  polled(): void {
    this.#polledAt = this.#options.cluster.clock.monotonic()
  }

  /** Joins, and again until a round ends well. Returns the partitions that fell to this member. */
  async join(): Promise<TopicPartition[]> {
    this.#joinNeeded = false
    this.#lost = false
    this.#heartbeat?.cancel()
    this.#joining = true
    try {
      return await this.#joinUntilSettled()
    } finally {
      this.#joining = false
    }
  }

  async #joinUntilSettled(): Promise<TopicPartition[]> {
    const { groupId, cluster } = this.#options
    const call = { what: `join group '${groupId}'`, timeoutMs: Infinity, stopped: () => this.#stopped() }
    for (;;) {
      const joined = await cluster.coordinators.run('group', groupId, this.#joinConnections, call, (connection) =>
        joinGroup(connection, { ...this.#options, topics: this.#topics }, this.#memberId, (id) => (this.#memberId = id)),
      )
      if (joined === undefined) continue
      this.#generation = joined.generation
      this.#memberId = joined.memberId
      this.#watched = joined.watched
      this.#compareWatched()
      this.#schedule()
      return joined.partitions
    }
  }

  /** @throws KafkaError ILLEGAL_GENERATION and its like when the partitions are no longer ours; MoldauError FENCED */
  async commit(offsets: readonly OffsetToCommit[], group: GroupMetadata, timeoutMs: number): Promise<void> {
    const { groupId, groupInstanceId, cluster } = this.#options
    const call = { what: `commit offsets of group '${groupId}'`, timeoutMs, stopped: () => this.#stopped() }
    try {
      await cluster.coordinators.run('group', groupId, this.#connections, call, (connection) =>
        commitGroupOffsets(connection, group, offsets),
      )
    } catch (error) {
      this.#notice(error, group.generation)
      throw error instanceof KafkaError && error.kafkaCode === 'FENCED_INSTANCE_ID' ? fencedInstance(groupId, groupInstanceId) : error
    }
  }

  committed(partitions: readonly TopicPartition[] | null, timeoutMs: number): Promise<GroupOffset[]> {
    const { groupId, cluster } = this.#options
    const call = { what: `read offsets of group '${groupId}'`, timeoutMs, stopped: () => this.#stopped() }
    return cluster.coordinators.run('group', groupId, this.#connections, call, (connection) =>
      fetchGroupOffsets(connection, groupId, partitions),
    )
  }

  /** Ends membership. @param leave false: the member only goes away, and keeps its partitions until its session times out */
  async close(leave: boolean): Promise<void> {
    if (this.#closed) return
    const { cluster } = this.#options
    this.#heartbeat?.cancel()
    this.#unwatch()
    if (leave && this.#memberId !== '' && this.#fatal === undefined) await this.#leave('the consumer was closed').catch(() => {})
    this.#closed = true
    cluster.release(this.#connections)
    cluster.release(this.#joinConnections)
  }

  async #leave(reason: string): Promise<void> {
    const { cluster, groupId, groupInstanceId } = this.#options
    const memberId = this.#memberId
    const call = { what: `leave group '${groupId}'`, timeoutMs: LEAVE_TIMEOUT_MS }
    await cluster.coordinators.run('group', groupId, this.#connections, call, async (connection) => {
      const members = [{ memberId, groupInstanceId, reason }]
      await connection.request(LeaveGroup, connection.version(LeaveGroup) >= 3 ? { groupId, members } : { groupId, memberId }, {
        timeoutMs: LEAVE_TIMEOUT_MS,
      })
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
    const generation = this.#generation
    const memberId = this.#memberId
    if (cluster.clock.monotonic() - this.#polledAt > maxPollIntervalMs) {
      cluster.logger.warn({ groupId, maxPollIntervalMs }, 'group: poll() was not called in time, the member leaves')
      if (groupInstanceId === null) await this.#leave('poll was not called in time').catch(() => {})
      this.#loose()
      return
    }
    this.#lookForMissingTopics()
    const call = { what: `heartbeat of group '${groupId}'`, timeoutMs: sessionTimeoutMs, stopped: () => this.#stopped() }
    try {
      await cluster.coordinators.run('group', groupId, this.#connections, call, async (connection) => {
        const body = { groupId, generationId: generation, memberId, ...(groupInstanceId === null ? {} : { groupInstanceId }) }
        throwOnError((await connection.request(Heartbeat, body)).errorCode, call.what)
      })
    } catch (error) {
      this.#notice(error, generation)
    }
    if (this.#fatal === undefined && !this.#lost && !this.#joining && this.#generation === generation) this.#schedule()
  }

  /**
   * What an answer to a request of `generation` means for membership. Nothing while a join is on its way: the group may be a generation
   * ahead of what we know, and the join will tell.
   */
  #notice(error: unknown, generation: number): void {
    if (!(error instanceof KafkaError) || this.#joining || generation < 0 || generation !== this.#generation) return
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
    this.#generation = -1
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
