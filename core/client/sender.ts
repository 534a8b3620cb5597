import type { Timer } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import { ZERO_UUID } from '../base/uuid.ts'
import type { BrokerConnection } from '../cluster/connection.ts'
import type { Connections } from '../cluster/connections.ts'
import { backoff } from '../cluster/retry.ts'
import { Produce } from '../protocol/messages/produce.ts'
import type { PartitionQueue } from './partition-queue.ts'
import type { PendingBatch } from './pending-batch.ts'
import { Settlement, type SettlementOptions } from './settlement.ts'

export interface SenderOptions extends Omit<SettlementOptions, 'refresh'> {
  maxRequestSize: number
  maxInFlightRequestsPerConnection: number
  requestTimeoutMs: number
  partitionerAvailabilityTimeoutMs: number
}

/** What a partition adds to a request beside its records, at most. */
const PARTITION_OVERHEAD = 64
/** The broker answers REQUEST_TIMED_OUT itself; only when it does not, the connection is given up. */
const TIMEOUT_GRACE_MS = 1000
const SWEEP_MS = 1000
const MAX_VERSION_WITHOUT_TOPIC_IDS = 12

/** Sends batches to the leaders of their partitions: several partitions in a request, several requests under way. */
export class Sender {
  readonly #options: SenderOptions
  readonly #connections: Connections
  readonly #settlement: Settlement
  readonly #inflight: Map<number, number>
  /** Since when brokers have taken nothing although something was there for them, monotonic milliseconds. */
  readonly #stalledSince: Map<number, number>
  readonly #nodeRetryAt: Map<number, { at: number; failures: number }>
  #scheduled: boolean
  #timer: Timer | undefined
  #timerAt: number
  #sweep: Timer | undefined
  #refreshing: boolean
  #closed: boolean

  constructor(options: SenderOptions) {
    this.#options = options
    this.#connections = options.cluster.connections(options.stats.connections)
    this.#settlement = new Settlement({ ...options, refresh: () => this.#refresh() })
    this.#inflight = new Map()
    this.#stalledSince = new Map()
    this.#nodeRetryAt = new Map()
    this.#scheduled = false
    this.#timer = undefined
    this.#timerAt = Infinity
    this.#sweep = undefined
    this.#refreshing = false
    this.#closed = false
  }

  /** Looks for work once this turn's appends are done. */
  wake(): void {
    if (this.#scheduled || this.#closed) return
    this.#scheduled = true
    queueMicrotask(() => {
      this.#scheduled = false
      this.#drain()
    })
  }

  /** Whether a broker has taken nothing for longer than `partitioner.availability.timeout.ms`. */
  isStalled(node: number): boolean {
    const { partitionerAvailabilityTimeoutMs: limit, cluster } = this.#options
    const since = this.#stalledSince.get(node)
    return limit > 0 && since !== undefined && cluster.clock.monotonic() - since > limit
  }

  close(): void {
    this.#closed = true
    this.#timer?.cancel()
    this.#sweep?.cancel()
    this.#options.cluster.release(this.#connections)
  }

  #drain(): void {
    if (this.#closed) return
    const { accumulator, identity, cluster } = this.#options
    accumulator.sealLingered()
    if (identity.failure !== undefined) this.#settlement.rejectDoomed()
    this.#sweep ??= accumulator.outstanding.size > 0 ? cluster.clock.after(SWEEP_MS, () => this.#expire()) : undefined
    if (accumulator.ready.size === 0) {
      this.#stalledSince.clear()
      return
    }
    const preparing = identity.prepare()
    if (preparing === undefined) this.#sendReady()
    else preparing.then(() => this.wake()).catch((error: unknown) => this.#settlement.failAll(error as Error))
  }

  #sendReady(): void {
    const { accumulator, identity, cluster } = this.#options
    const now = cluster.clock.monotonic()
    const nodes = new Map<number, PartitionQueue[]>()
    const awaited = new Set<number>()
    for (const queue of accumulator.ready) {
      if (queue.idle) {
        accumulator.ready.delete(queue)
        continue
      }
      const leader = cluster.leader(queue.topic, queue.partition)
      awaited.add(leader)
      const batch = queue.peek(now)
      if (batch === undefined) {
        if (queue.retryAt > now) this.#wakeAt(queue.retryAt)
      } else if (!identity.admits(batch)) {
        if (identity.prepare() !== undefined) this.wake()
      } else if (leader < 0) this.#refresh()
      else {
        const queues = nodes.get(leader)
        if (queues === undefined) nodes.set(leader, [queue])
        else queues.push(queue)
      }
    }
    this.#noteStalled(awaited, now)
    for (const [node, queues] of nodes) this.#sendTo(node, queues, now)
  }

  #noteStalled(awaited: ReadonlySet<number>, now: number): void {
    if (this.#options.partitionerAvailabilityTimeoutMs === 0) return
    for (const node of awaited) if (!this.#stalledSince.has(node)) this.#stalledSince.set(node, now)
    for (const node of this.#stalledSince.keys()) if (!awaited.has(node)) this.#stalledSince.delete(node)
  }

  #sendTo(node: number, queues: PartitionQueue[], now: number): void {
    const connection = this.#connections.peek(node)
    if (connection === undefined) {
      this.#connect(node, now)
      return
    }
    const { maxInFlightRequestsPerConnection } = this.#options
    let inflight = this.#inflight.get(node) ?? 0
    for (let waiting = queues; inflight < maxInFlightRequestsPerConnection; inflight++) {
      const batches = this.#collect(waiting, now, node)
      if (batches.length === 0) break
      this.#inflight.set(node, inflight + 1)
      this.#stalledSince.delete(node)
      void this.#send(node, connection, batches)
      waiting = waiting.filter((queue) => !queue.idle)
      // Whoever had to wait because the request was full goes first in the next.
      const last = waiting.indexOf(batches.at(-1)!.queue)
      if (last >= 0) waiting = [...waiting.slice(last + 1), ...waiting.slice(0, last + 1)]
    }
  }

  /** One batch of each partition, as many as a request may hold. */
  #collect(queues: PartitionQueue[], now: number, node: number): PendingBatch[] {
    const { identity, maxRequestSize, accumulator } = this.#options
    const { joins } = identity
    const mayAsk = joins?.mayAsk(node)
    const batches: PendingBatch[] = []
    let bytes = 0
    for (const queue of queues) {
      const batch = queue.peek(now)
      if (batch === undefined || !identity.admits(batch) || (mayAsk === false && !joins!.has(queue))) continue
      let size: number
      try {
        size = this.#build(batch)
      } catch (error) {
        // Nobody could catch it here. It fails those who wait for this batch, and no others.
        this.#settlement.unencodable(queue.take(), error)
        if (queue.idle) accumulator.ready.delete(queue)
        this.wake()
        continue
      }
      if (batches.length > 0 && bytes + size + PARTITION_OVERHEAD > maxRequestSize) break
      bytes += size + PARTITION_OVERHEAD
      batches.push(queue.take())
      if (queue.idle) accumulator.ready.delete(queue)
    }
    return batches
  }

  /** @returns bytes of the batch */
  #build(batch: PendingBatch): number {
    const { identity } = this.#options
    const ids = identity.identify(batch)
    if (batch.built === undefined) {
      batch.built = batch.content.build({ ...ids, transactional: identity.transactionalId !== null })
      batch.builtBytes = Buffer.isBuffer(batch.built) ? batch.built.length : batch.built.reduce((sum, part) => sum + part.length, 0)
    }
    return batch.builtBytes
  }

  async #send(node: number, connection: BrokerConnection, batches: PendingBatch[]): Promise<void> {
    const { acks, requestTimeoutMs, identity, cluster, stats } = this.#options
    const topics = new Map<
      string,
      { name: string; topicId: string; partitionData: { index: number; records: Buffer | readonly Buffer[] }[] }
    >()
    let maxVersion = identity.produceVersionMax
    for (const batch of batches) {
      const { topic, partition } = batch.queue
      batch.attempts++
      let data = topics.get(topic)
      if (data === undefined) {
        const topicId = cluster.image.topics.get(topic)?.topicId ?? ZERO_UUID
        if (topicId === ZERO_UUID) maxVersion = Math.min(maxVersion, MAX_VERSION_WITHOUT_TOPIC_IDS)
        data = { name: topic, topicId, partitionData: [] }
        topics.set(topic, data)
      }
      data.partitionData.push({ index: partition, records: batch.built! })
    }
    const topicData = [...topics.values()]
    const { joins } = identity
    const asks = joins !== undefined && batches.some(({ queue }) => !joins.has(queue))
    if (asks) joins.asks(node)
    const body = { transactionalId: identity.transactionalId, acks, timeoutMs: requestTimeoutMs, topicData }
    stats.sent(batches)
    stats.inFlight++
    try {
      if (acks === 0) {
        connection.send(Produce, body, { maxVersion })
        for (const batch of batches) this.#settlement.succeed(batch, -1, -1)
      } else {
        const timeoutMs = requestTimeoutMs + TIMEOUT_GRACE_MS
        const response = await connection.request(Produce, body, { maxVersion, timeoutMs })
        this.#nodeRetryAt.delete(node)
        this.#settlement.answered(node, batches, topicData, response)
      }
    } catch (error) {
      for (const batch of batches) this.#settlement.unanswered(batch, error as Error)
      this.#refresh()
    } finally {
      stats.inFlight--
      if (asks) joins.answered(node)
      this.#inflight.set(node, this.#inflight.get(node)! - 1)
      this.wake()
    }
  }

  #expire(): void {
    this.#sweep = undefined
    this.#settlement.expire()
    this.wake()
  }

  #connect(node: number, now: number): void {
    const { cluster } = this.#options
    const pause = this.#nodeRetryAt.get(node)
    if (pause !== undefined && pause.at > now) {
      this.#wakeAt(pause.at)
      return
    }
    // Until the attempt has failed nobody else begins one: Connections shares it.
    this.#connections.get(node).then(
      () => this.wake(),
      (error: unknown) => {
        if (this.#closed) return
        cluster.logger.debug({ node, error: messageOf(error) }, 'producer: no connection')
        const failures = (this.#nodeRetryAt.get(node)?.failures ?? 0) + 1
        this.#nodeRetryAt.set(node, { at: cluster.clock.monotonic() + backoff(cluster.policy, failures - 1), failures })
        this.#refresh()
        this.wake()
      },
    )
  }

  /** Asks who leads; once at a time and not faster than the back-off. */
  #refresh(): void {
    if (this.#refreshing || this.#closed) return
    this.#refreshing = true
    const { cluster } = this.#options
    const again = (): void => {
      this.#refreshing = false
      this.wake()
    }
    cluster.refresh().then(
      () => void cluster.clock.after(backoff(cluster.policy, 0) / 4, again),
      () => void cluster.clock.after(backoff(cluster.policy, 2), again),
    )
  }

  #wakeAt(at: number): void {
    if (this.#timer !== undefined && this.#timerAt <= at) return
    this.#timer?.cancel()
    this.#timerAt = at
    const { clock } = this.#options.cluster
    this.#timer = clock.after(Math.max(1, Math.ceil(at - clock.monotonic())), () => {
      this.#timer = undefined
      this.#timerAt = Infinity
      this.wake()
    })
  }
}
