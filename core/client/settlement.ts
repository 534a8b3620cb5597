import { messageOf, MoldauError } from '../base/errors.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { ToldLeader } from '../cluster/leader-news.ts'
import { backoff } from '../cluster/retry.ts'
import { tpKey } from '../cluster/topic-partition.ts'
import type { ProduceResponse } from '../protocol/messages/produce.ts'
import { BatchBuilder } from '../record/builder.ts'
import type { Accumulator } from './accumulator.ts'
import type { ProducerStats } from './metrics/producer-stats.ts'
import type { PendingBatch } from './pending-batch.ts'
import { judge } from './produce-outcome.ts'
import type { PartitionAnswer } from './produce-outcome.ts'
import type { ProducerIdentity } from './producer-identity.ts'
import { splitBatch } from './split-batch.ts'

/** Until the markers of the transaction before are written, milliseconds: as in Kafka's own producer (ADD_PARTITIONS_RETRY_BACKOFF_MS). */
const SOON_MS = 20

export interface SettlementOptions {
  cluster: Cluster
  accumulator: Accumulator
  identity: ProducerIdentity
  acks: -1 | 0 | 1
  deliveryTimeoutMs: number
  stats: ProducerStats
  /** Another broker may lead by now. */
  refresh: () => void
}

/** What becomes of batches: acknowledged, given back to be sent again, or failed for good. */
export class Settlement {
  readonly #options: SettlementOptions

  constructor(options: SettlementOptions) {
    this.#options = options
  }

  /** Broker `node` has answered the request that brought these batches. */
  answered(node: number, batches: PendingBatch[], sent: readonly { name: string; topicId: string }[], response: ProduceResponse): void {
    const results = new Map<string, PartitionAnswer>()
    const leaders: ToldLeader[] = []
    for (const topic of response.responses) {
      const name = topic.name === '' ? sent.find((s) => s.topicId === topic.topicId)?.name : topic.name
      for (const result of topic.partitionResponses) {
        results.set(`${name}-${result.index}`, result)
        if (result.currentLeader.leaderId >= 0) leaders.push({ topic: name!, partition: result.index, ...result.currentLeader })
      }
    }
    if (leaders.length > 0) this.#options.cluster.leadersTold(leaders, response.nodeEndpoints)
    for (const batch of batches) {
      const result = results.get(tpKey(batch.queue))
      if (result === undefined) {
        this.unanswered(
          batch,
          new MoldauError('CONNECTION_LOST', `the broker did not answer for ${tpKey(batch.queue)}`, { retriable: true }),
        )
      } else this.#judge(node, batch, result)
    }
  }

  #judge(node: number, batch: PendingBatch, result: PartitionAnswer): void {
    const { identity } = this.#options
    const verdict = judge(batch, result, identity.transactionalId !== null)
    if (verdict.kind === 'done') this.succeed(batch, verdict.baseOffset, verdict.logAppendTime)
    else if (verdict.kind === 'retry') {
      batch.lastError = verdict.error
      // Somebody else is known to lead by now, say because the answer tells: it goes there at once.
      const isMoved = verdict.refresh && this.#isLedElsewhere(batch, node)
      this.#giveBack(batch, isMoved ? 0 : verdict.soon ? SOON_MS : undefined)
      if (verdict.refresh && !isMoved) this.#options.refresh()
    } else if (verdict.kind === 'out of order') {
      const answer = identity.outOfOrder(batch, verdict.error)
      if (answer === true) this.#giveBack(batch)
      else this.#fail(batch, answer)
    } else if (verdict.kind === 'too large') this.#divide(batch, verdict.error)
    else this.#fail(batch, verdict.error, verdict.culprits)
  }

  /** Smaller batches may be taken (KIP-126). Bytes that somebody else has encoded are not ours to divide. */
  #divide(batch: PendingBatch, error: Error): void {
    const { identity, accumulator } = this.#options
    if (batch.settled || batch.content.count < 2 || !isOurs(batch) || identity.rejection(batch) !== undefined) this.#fail(batch, error)
    else accumulator.replace(batch, splitBatch(batch))
  }

  /** Has been written at `baseOffset`; -1: nobody knows where. */
  succeed(batch: PendingBatch, baseOffset: number, logAppendTime: number): void {
    const { accumulator, acks } = this.#options
    batch.queue.acknowledged(batch)
    this.#options.identity.joins?.add(batch.queue)
    // Bytes of a batch that was sent twice, or is not acknowledged, may still lie in the queue of a connection.
    batch.reusable = batch.attempts === 1 && acks !== 0
    accumulator.release(batch, baseOffset)
    batch.resolve(baseOffset, logAppendTime)
  }

  /** Has been sent, or not, and nobody has answered. */
  unanswered(batch: PendingBatch, error: Error): void {
    batch.lastError = error
    if (error instanceof MoldauError && error.retriable) this.#giveBack(batch)
    else this.#fail(batch, error)
  }

  /** Its bytes cannot be made: they were taken away, or changed, since it was handed over. */
  unencodable(batch: PendingBatch, cause: unknown): void {
    const message = `${batch.content.count} records for ${tpKey(batch.queue)} cannot be encoded: ${messageOf(cause)}`
    this.#fail(batch, new MoldauError('INVALID_ARGUMENT', message, { cause }))
  }

  #isLedElsewhere({ queue }: PendingBatch, node: number): boolean {
    const leader = this.#options.cluster.leader(queue.topic, queue.partition)
    return leader >= 0 && leader !== node
  }

  /** @param pauseMs before it may be sent again; default: the back-off */
  #giveBack(batch: PendingBatch, pauseMs?: number): void {
    const { cluster, accumulator, identity, stats } = this.#options
    const { queue } = batch
    const rejection = identity.rejection(batch)
    if (rejection !== undefined) {
      this.#fail(batch, rejection)
      return
    }
    if (batch.settled) {
      // Its time was over while it was under way; whether it was written is not known.
      const error = batch.lastError ?? this.#expired(batch)
      queue.refused(batch)
      accumulator.release(batch, -1, error)
      identity.failed(batch, error, 'given up')
      return
    }
    stats.retried(batch)
    queue.giveBack(batch, cluster.clock.monotonic() + (pauseMs ?? backoff(cluster.policy, queue.failures)))
    accumulator.ready.add(queue)
  }

  #fail(batch: PendingBatch, error: Error, culprits?: ReadonlyMap<number, Error>): void {
    batch.queue.refused(batch)
    const told = this.#options.identity.failed(batch, error, 'refused')
    this.#options.accumulator.release(batch, -1, told)
    batch.reject(told, told === error ? culprits : undefined)
  }

  /** Fails what its identity lets go no more, see {@link ProducerIdentity.rejection}. */
  rejectDoomed(): void {
    const { accumulator, identity } = this.#options
    accumulator.fail(
      (batch) => identity.rejection(batch) !== undefined,
      (batch) => identity.rejection(batch)!,
    )
  }

  /** Fails everything that is not under way. */
  failAll(error: Error): void {
    const { accumulator, identity } = this.#options
    accumulator.fail(
      () => true,
      (batch) => identity.failed(batch, error, 'given up'),
    )
  }

  /** Fails what has waited for longer than the delivery time-out. Of what is under way the bytes stay until it is answered. */
  expire(): void {
    const { accumulator, cluster, deliveryTimeoutMs, identity } = this.#options
    const before = cluster.clock.monotonic() - deliveryTimeoutMs
    const giveUp = (batch: PendingBatch): Error => identity.failed(batch, this.#expired(batch), 'given up')
    accumulator.fail((batch) => batch.createdAt < before, giveUp)
    for (const batch of accumulator.outstanding) if (batch.createdAt < before && !batch.settled) batch.reject(giveUp(batch))
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
          : `${batch.attempts} attempts failed or are not answered${batch.lastError === undefined ? '' : `, the last one with ${messageOf(batch.lastError)}`}`
    const message = `${batch.content.count} records for ${tpKey(batch.queue)} were not acknowledged within deliveryTimeoutMs (${deliveryTimeoutMs}): ${why}`
    return new MoldauError('TIMEOUT', message, { retriable: true, ...(batch.lastError !== undefined && { cause: batch.lastError }) })
  }
}

function isOurs(batch: PendingBatch): batch is PendingBatch<BatchBuilder> {
  return batch.content instanceof BatchBuilder
}
