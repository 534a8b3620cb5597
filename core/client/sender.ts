import type { Timer } from '../base/clock.ts'
import { messageOf, MoldauError } from '../base/errors.ts'
import { ZERO_UUID } from '../base/uuid.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { BrokerConnection } from '../cluster/connection.ts'
import type { Connections } from '../cluster/connections.ts'
import { backoff } from '../cluster/retry.ts'
import { tpKey } from '../cluster/topic-partition.ts'
import { Produce } from '../protocol/messages/produce.ts'
import type { ProduceResponse } from '../protocol/messages/produce.ts'
import type { Accumulator } from './accumulator.ts'
import { judge } from './produce-outcome.ts'
import type { PartitionQueue } from './partition-queue.ts'
import type { PendingBatch } from './pending-batch.ts'
import type { ProducerIdentity } from './producer-identity.ts'

export interface SenderOptions {
  cluster: Cluster
  accumulator: Accumulator
  identity: ProducerIdentity
  acks: -1 | 0 | 1
  maxRequestBytes: number
  requestTimeoutMs: number
  deliveryTimeoutMs: number
}

/** Requests on their way to one broker at once (Kafka's `max.in.flight.requests.per.connection`). */
const INFLIGHT_REQUESTS_MAX = 5
/** What a partition adds to a request beside its records, at most. */
const PARTITION_OVERHEAD = 64
/** The broker answers REQUEST_TIMED_OUT itself; only when it does not, the connection is given up. */
const TIMEOUT_GRACE_MS = 1000
const SWEEP_MS = 1000
const MAX_VERSION_WITHOUT_TOPIC_IDS = 12

type Results = ProduceResponse['responses'][number]['partitionResponses'][number]

/** Sends batches to the leaders of their partitions: several partitions in a request, several requests under way. */
export class Sender {
  readonly #options: SenderOptions
  readonly #connections: Connections
  readonly #inflight: Map<number, number>
  readonly #nodeRetryAt: Map<number, { at: number; failures: number }>
  #scheduled: boolean
  #timer: Timer | undefined
  #timerAt: number
  #sweep: Timer | undefined
  #refreshing: boolean
  #closed: boolean

  constructor(options: SenderOptions) {
    this.#options = options
    this.#connections = options.cluster.connections()
    this.#inflight = new Map()
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
    if (identity.failure !== undefined) this.#rejectDoomed()
    this.#sweep ??= accumulator.outstanding.size > 0 ? cluster.clock.after(SWEEP_MS, () => this.#expire()) : undefined
    if (accumulator.ready.size === 0) return
    const preparing = identity.prepare()
    if (preparing === undefined) this.#sendReady()
    else preparing.then(() => this.wake()).catch((error: unknown) => this.#failAll(error as Error))
  }

  #sendReady(): void {
    const { accumulator, identity, cluster } = this.#options
    const now = cluster.clock.monotonic()
    const nodes = new Map<number, PartitionQueue[]>()
    for (const queue of accumulator.ready) {
      const batch = queue.peek(now)
      if (batch === undefined) {
        if (queue.idle) accumulator.ready.delete(queue)
        else if (queue.retryAt > now) this.#wakeAt(queue.retryAt)
        continue
      }
      if (!identity.admits(batch)) {
        if (identity.prepare() !== undefined) this.wake()
        continue
      }
      const leader = cluster.leader(queue.topic, queue.partition)
      if (leader < 0) this.#refresh()
      else {
        const queues = nodes.get(leader)
        if (queues === undefined) nodes.set(leader, [queue])
        else queues.push(queue)
      }
    }
    for (const [node, queues] of nodes) this.#sendTo(node, queues, now)
  }

  #sendTo(node: number, queues: PartitionQueue[], now: number): void {
    const connection = this.#connections.peek(node)
    if (connection === undefined) {
      this.#connect(node, now)
      return
    }
    let inflight = this.#inflight.get(node) ?? 0
    for (let waiting = queues; inflight < INFLIGHT_REQUESTS_MAX; inflight++) {
      const batches = this.#collect(waiting, now)
      if (batches.length === 0) break
      this.#inflight.set(node, inflight + 1)
      void this.#send(node, connection, batches)
      waiting = waiting.filter((queue) => !queue.idle)
      // Whoever had to wait because the request was full goes first in the next.
      const last = waiting.indexOf(batches.at(-1)!.queue)
      if (last >= 0) waiting = [...waiting.slice(last + 1), ...waiting.slice(0, last + 1)]
    }
  }

  /** One batch of each partition, as many as a request may hold. */
  #collect(queues: PartitionQueue[], now: number): PendingBatch[] {
    const { identity, maxRequestBytes, accumulator } = this.#options
    const batches: PendingBatch[] = []
    let bytes = 0
    for (const queue of queues) {
      const batch = queue.peek(now)
      if (batch === undefined || !identity.admits(batch)) continue
      const records = this.#build(batch)
      if (batches.length > 0 && bytes + records.length + PARTITION_OVERHEAD > maxRequestBytes) break
      bytes += records.length + PARTITION_OVERHEAD
      batches.push(queue.take())
      if (queue.idle) accumulator.ready.delete(queue)
    }
    return batches
  }

  #build(batch: PendingBatch): Buffer {
    const { identity } = this.#options
    const ids = identity.identify(batch)
    batch.built ??= batch.builder.build({ ...ids, transactional: identity.transactionalId !== null })
    return batch.built
  }

  async #send(node: number, connection: BrokerConnection, batches: PendingBatch[]): Promise<void> {
    const { acks, requestTimeoutMs, identity, cluster } = this.#options
    const topics = new Map<string, { name: string; topicId: string; partitionData: { index: number; records: Buffer }[] }>()
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
    const body = { transactionalId: identity.transactionalId, acks, timeoutMs: requestTimeoutMs, topicData }
    try {
      if (acks === 0) {
        connection.send(Produce, body, { maxVersion })
        for (const batch of batches) this.#succeed(batch, -1, -1)
      } else {
        const timeoutMs = requestTimeoutMs + TIMEOUT_GRACE_MS
        const response = await connection.request(Produce, body, { maxVersion, timeoutMs })
        this.#nodeRetryAt.delete(node)
        this.#settle(batches, topicData, response)
      }
    } catch (error) {
      for (const batch of batches) this.#failedToSend(batch, error as Error)
      this.#refresh()
    } finally {
      this.#inflight.set(node, this.#inflight.get(node)! - 1)
      this.wake()
    }
  }

  #settle(batches: PendingBatch[], sent: readonly { name: string; topicId: string }[], response: ProduceResponse): void {
    const results = new Map<string, Results>()
    for (const topic of response.responses) {
      const name = topic.name === '' ? sent.find((s) => s.topicId === topic.topicId)?.name : topic.name
      for (const result of topic.partitionResponses) results.set(`${name}-${result.index}`, result)
    }
    for (const batch of batches) {
      const result = results.get(tpKey(batch.queue))
      if (result === undefined) {
        this.#failedToSend(
          batch,
          new MoldauError('CONNECTION_LOST', `the broker did not answer for ${tpKey(batch.queue)}`, { retriable: true }),
        )
      } else this.#judge(batch, result)
    }
  }

  #judge(batch: PendingBatch, result: Results): void {
    const { identity } = this.#options
    const verdict = judge(batch, result, identity.transactionalId)
    if (verdict.kind === 'done') this.#succeed(batch, verdict.baseOffset, verdict.logAppendTime)
    else if (verdict.kind === 'retry') {
      batch.lastError = verdict.error
      this.#giveBack(batch)
      if (verdict.refresh) this.#refresh()
    } else if (verdict.kind === 'out of order') {
      const answer = identity.outOfOrder(batch, verdict.error)
      if (answer === true) this.#giveBack(batch)
      else this.#fail(batch, answer)
    } else this.#fail(batch, verdict.error)
  }

  #succeed(batch: PendingBatch, baseOffset: number, logAppendTime: number): void {
    const { accumulator, acks } = this.#options
    batch.queue.acknowledged(batch)
    // Bytes of a batch that was sent twice, or is not acknowledged, may still lie in the queue of a connection.
    batch.reusable = batch.attempts === 1 && acks !== 0
    accumulator.release(batch)
    batch.resolve(baseOffset, logAppendTime)
  }

  #failedToSend(batch: PendingBatch, error: Error): void {
    batch.lastError = error
    if (error instanceof MoldauError && error.retriable) this.#giveBack(batch)
    else this.#fail(batch, error)
  }

  #giveBack(batch: PendingBatch): void {
    const { cluster, accumulator, identity } = this.#options
    const { queue } = batch
    const rejection = identity.rejection(batch)
    if (rejection !== undefined) {
      this.#fail(batch, rejection)
      return
    }
    queue.giveBack(batch, cluster.clock.monotonic() + backoff(cluster.policy, queue.failures))
    accumulator.ready.add(queue)
  }

  #fail(batch: PendingBatch, error: Error): void {
    batch.queue.refused(batch)
    this.#options.identity.failed(batch, error, 'refused')
    this.#options.accumulator.release(batch)
    batch.reject(error)
  }

  #rejectDoomed(): void {
    const { accumulator, identity } = this.#options
    accumulator.fail(
      (batch) => identity.rejection(batch) !== undefined,
      (batch) => identity.rejection(batch)!,
    )
  }

  #failAll(error: Error): void {
    const { accumulator, identity } = this.#options
    for (const batch of accumulator.fail(
      () => true,
      () => error,
    ))
      identity.failed(batch, error, 'given up')
  }

  /** Fails what has waited for longer than the delivery time-out. What is under way has its own. */
  #expire(): void {
    const { accumulator, cluster, deliveryTimeoutMs, identity } = this.#options
    this.#sweep = undefined
    const before = cluster.clock.monotonic() - deliveryTimeoutMs
    const expired = accumulator.fail(
      (batch) => batch.createdAt < before,
      (batch) => this.#expired(batch),
    )
    for (const batch of expired) identity.failed(batch, this.#expired(batch), 'given up')
    this.wake()
  }

  #expired(batch: PendingBatch): MoldauError {
    const { deliveryTimeoutMs, cluster } = this.#options
    const { topic, partition } = batch.queue
    const leader = cluster.leader(topic, partition)
    const why =
      leader < 0
        ? 'the partition has no leader'
        : batch.attempts === 0
          ? `broker ${leader} takes no more`
          : `${batch.attempts} attempts failed${batch.lastError === undefined ? '' : `, the last one with ${messageOf(batch.lastError)}`}`
    const message = `${batch.builder.count} records for ${tpKey(batch.queue)} were not acknowledged within deliveryTimeoutMs (${deliveryTimeoutMs}): ${why}`
    return new MoldauError('TIMEOUT', message, { retriable: true, ...(batch.lastError !== undefined && { cause: batch.lastError }) })
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
