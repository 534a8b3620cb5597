import { Sensor } from '../../base/sensor.ts'
import type { Api } from '../../protocol/api.ts'
import { errorName } from '../../protocol/errors.ts'
import { ConsumerGroupHeartbeat } from '../../protocol/messages/consumer-group-heartbeat.ts'
import { Heartbeat } from '../../protocol/messages/heartbeat.ts'
import { JoinGroup } from '../../protocol/messages/join-group.ts'
import { OffsetCommit } from '../../protocol/messages/offset-commit.ts'
import { SyncGroup } from '../../protocol/messages/sync-group.ts'
import { counted, counter, gauge, spread } from './metric.ts'

const HOUR_S = 3600

/** What membership of a group costs: heartbeats, joins, commits, rebalances. Read off the requests, whatever protocol the group has. */
export class GroupStats {
  readonly heartbeats: Sensor
  readonly joins: Sensor
  readonly syncs: Sensor
  readonly commits: Sensor
  readonly rebalances: Sensor
  readonly failures: Sensor
  readonly assigned: Sensor
  readonly revoked: Sensor
  readonly lost: Sensor
  assignedPartitions: number
  #heartbeatAt: number
  #rebalancedAt: number
  /** When the rebalance that is under way began. */
  #begunAt: number | undefined

  constructor(now: number) {
    this.heartbeats = new Sensor(now)
    this.joins = new Sensor(now)
    this.syncs = new Sensor(now)
    this.commits = new Sensor(now)
    this.rebalances = new Sensor(now)
    this.failures = new Sensor(now)
    this.assigned = new Sensor(now)
    this.revoked = new Sensor(now)
    this.lost = new Sensor(now)
    this.assignedPartitions = 0
    this.#heartbeatAt = -1
    this.#rebalancedAt = -1
    this.#begunAt = undefined
  }

  sent(api: Api, now: number): void {
    if (api.key === JoinGroup.key) this.begins(now)
  }

  answered(api: Api, latencyMs: number, body: unknown, now: number): void {
    switch (api.key) {
      case Heartbeat.key:
      case ConsumerGroupHeartbeat.key:
        this.heartbeats.record(latencyMs, now)
        this.#heartbeatAt = now
        break
      case JoinGroup.key:
        this.joins.record(latencyMs, now)
        this.#judge(body, now)
        break
      case SyncGroup.key:
        this.syncs.record(latencyMs, now)
        this.#judge(body, now)
        break
      case OffsetCommit.key:
        this.commits.record(latencyMs, now)
        break
    }
  }

  /** A rebalance begins: partitions are given up, or the group is joined. */
  begins(now: number): void {
    this.#begunAt ??= now
  }

  /** The partitions are known and the program has been told. */
  ends(now: number): void {
    if (this.#begunAt === undefined) this.#begunAt = now
    this.rebalances.record(now - this.#begunAt, now)
    this.#rebalancedAt = now
    this.#begunAt = undefined
  }

  sinceHeartbeat(now: number): number {
    return this.#heartbeatAt < 0 ? -1 : Math.floor((now - this.#heartbeatAt) / 1000)
  }

  sinceRebalance(now: number): number {
    return this.#rebalancedAt < 0 ? -1 : Math.floor((now - this.#rebalancedAt) / 1000)
  }

  #judge(body: unknown, now: number): void {
    const error = errorName((body as { errorCode: number }).errorCode)
    // The broker answers the first join of a member with an id to join under: nothing has failed.
    if (error !== 'NONE' && error !== 'MEMBER_ID_REQUIRED') this.failures.record(1, now)
  }
}

export const groupTable = {
  'assigned-partitions': gauge('partitions that are read now', (s: GroupStats) => s.assignedPartitions),
  ...counted('heartbeat', 'heartbeats', (s: GroupStats) => s.heartbeats),
  'heartbeat-response-time-max': gauge('longest time until a heartbeat was answered, in milliseconds', (s: GroupStats, now) =>
    s.heartbeats.max(now),
  ),
  'last-heartbeat-seconds-ago': gauge('seconds since the last answered heartbeat, -1 before the first', (s: GroupStats, now) =>
    s.sinceHeartbeat(now),
  ),
  ...counted('join', 'joins of the group', (s: GroupStats) => s.joins),
  ...spread('join-time', 'time until a join was answered, in milliseconds', (s: GroupStats) => s.joins),
  ...counted('sync', 'synchronisations of the group', (s: GroupStats) => s.syncs),
  ...spread('sync-time', 'time until a synchronisation was answered, in milliseconds', (s: GroupStats) => s.syncs),
  ...counted('commit', 'commits of offsets', (s: GroupStats) => s.commits),
  ...spread('commit-latency', 'time until a commit was answered, in milliseconds', (s: GroupStats) => s.commits),
  'rebalance-rate-per-hour': gauge('rebalances per hour', (s: GroupStats, now) => s.rebalances.frequency(now) * HOUR_S),
  'rebalance-total': counter('rebalances in all', (s: GroupStats) => s.rebalances.count),
  ...spread('rebalance-latency', 'time that a rebalance took, in milliseconds', (s: GroupStats) => s.rebalances),
  'rebalance-latency-total': counter('time that all rebalances took, in milliseconds', (s: GroupStats) => s.rebalances.sum),
  'failed-rebalance-rate-per-hour': gauge(
    'joins and synchronisations that failed, per hour',
    (s: GroupStats, now) => s.failures.frequency(now) * HOUR_S,
  ),
  'failed-rebalance-total': counter('joins and synchronisations that failed, in all', (s: GroupStats) => s.failures.count),
  'last-rebalance-seconds-ago': gauge('seconds since the last rebalance, -1 before the first', (s: GroupStats, now) =>
    s.sinceRebalance(now),
  ),
  ...spread('partition-assigned-latency', 'time that onAssigned took, in milliseconds', (s: GroupStats) => s.assigned),
  ...spread('partition-revoked-latency', 'time that onRevoked took, in milliseconds', (s: GroupStats) => s.revoked),
  ...spread('partition-lost-latency', 'time that onLost took, in milliseconds', (s: GroupStats) => s.lost),
}
export type GroupMetricName = keyof typeof groupTable
