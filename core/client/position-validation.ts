import type { Cluster } from '../cluster/cluster.ts'
import type { PartitionInfo } from '../cluster/metadata.ts'
import { isRetriableError } from '../cluster/retry.ts'
import { byTopic, tpKey } from '../cluster/topic-partition.ts'
import type { TopicPartition } from '../cluster/topic-partition.ts'
import { OffsetForLeaderEpoch } from '../protocol/messages/offset-for-leader-epoch.ts'
import type { FetchRetries } from './fetch-retries.ts'
import { agrees, LogTruncationError } from './log-truncation.ts'
import type { EpochEnd } from './log-truncation.ts'
import type { PartitionState } from './partition-state.ts'
import type { OffsetReset } from './types.ts'

export interface PositionValidationOptions {
  cluster: Cluster
  autoOffsetReset: OffsetReset
  retries: FetchRetries
  wake: () => void
  /** The position is to be found anew. */
  onOutOfRange: (state: PartitionState) => void
  onError: (error: Error) => void
}

/** What was asked about a partition. */
interface Question extends TopicPartition {
  readonly state: PartitionState
  readonly version: number
  /** Of the leader that is asked. */
  readonly leaderEpoch: number
  /** Of what lies before the position. */
  readonly epoch: number
}

/** Consumers may ask since this version; before, it was for brokers only. */
const VERSION_FOR_CONSUMERS = 3
const CONSUMER = -1

/**
 * Asks a new leader whether its log has what was read from the one before, and goes back where it has not: to where the logs part, or with an error
 * where `autoOffsetReset` is 'none' (KIP-320). Kafka's `OffsetsForLeaderEpochClient` and `SubscriptionState.maybeCompleteValidation`.
 */
export class PositionValidation {
  readonly #options: PositionValidationOptions

  constructor(options: PositionValidationOptions) {
    this.#options = options
  }

  /** Partitions with a leader that is new to them. Those in which nothing was read have nothing to ask. */
  start(states: readonly PartitionState[]): void {
    const questions = new Map<number, Question[]>()
    let isReady = false
    for (const state of states) {
      const { leader, leaderEpoch } = this.#known(state)!
      // The follower was named by the leader before.
      state.readReplica = undefined
      if (state.fetchEpoch < 0) {
        state.leaderEpoch = leaderEpoch
        isReady = true
      } else if (state.validating < leaderEpoch) {
        state.validating = leaderEpoch
        const { topic, partition, version, fetchEpoch: epoch } = state
        const list = questions.get(leader)
        const question = { topic, partition, state, version, leaderEpoch, epoch }
        if (list === undefined) questions.set(leader, [question])
        else list.push(question)
      }
    }
    if (isReady) this.#options.wake()
    for (const [leader, list] of questions) void this.#validate(leader, list)
  }

  /**
   * A leader does not have what lies before the fetch position. What nobody has seen is dropped, and what was handed out is compared, too. Only when
   * that has diverged the program is concerned.
   */
  diverged(state: PartitionState, end: EpochEnd): void {
    const { cluster, autoOffsetReset, retries, onOutOfRange, onError } = this.#options
    const { topic, partition, fetchPosition } = state
    if (fetchPosition > state.position!) {
      state.moveTo(state.position!, state.positionEpoch)
      return
    }
    const divergentOffset = end.leaderEpoch < 0 || end.endOffset < 0 ? undefined : end.endOffset
    cluster.logger.warn({ topic, partition, offset: fetchPosition, divergentOffset }, 'consumer: the log was truncated below the position')
    if (autoOffsetReset === 'none') {
      retries.delay(state)
      onError(new LogTruncationError(state, fetchPosition, divergentOffset))
    } else if (divergentOffset === undefined) onOutOfRange(state)
    else state.moveTo(divergentOffset, end.leaderEpoch)
  }

  async #validate(leader: number, questions: readonly Question[]): Promise<void> {
    const { retries, wake, onError } = this.#options
    try {
      if (questions.some(({ epoch, leaderEpoch }) => epoch > leaderEpoch)) await this.#options.cluster.refresh()
      await this.#ask(
        leader,
        questions.filter((question) => this.#counts(question)),
      )
    } catch (error) {
      if (!isRetriableError(error)) onError(error as Error)
      for (const question of questions) if (isOpen(question)) retries.delay(question.state)
      retries.refresh()
    }
    for (const question of questions) if (isOpen(question)) question.state.validating = -1
    wake()
  }

  async #ask(leader: number, questions: readonly Question[]): Promise<void> {
    if (questions.length === 0) return
    // The connection for fetches has one that waits for records in front.
    const connection = await this.#options.cluster.node(leader)
    if (!connection.supports(OffsetForLeaderEpoch, VERSION_FOR_CONSUMERS)) {
      for (const { state, leaderEpoch } of questions) state.leaderEpoch = leaderEpoch
      return
    }
    const topics = [...byTopic(questions)].map(([topic, list]) => ({
      topic,
      partitions: list.map(({ partition, epoch, leaderEpoch }) => ({ partition, leaderEpoch: epoch, currentLeaderEpoch: leaderEpoch })),
    }))
    const answer = await connection.request(OffsetForLeaderEpoch, { replicaId: CONSUMER, topics })
    const byKey = new Map(questions.map((question) => [tpKey(question), question]))
    for (const { topic, partitions } of answer.topics) {
      for (const end of partitions) {
        const question = byKey.get(tpKey({ topic, partition: end.partition }))
        if (question !== undefined && this.#counts(question)) this.#answered(question, end.errorCode, end)
      }
    }
  }

  #answered({ state, leaderEpoch }: Question, errorCode: number, end: EpochEnd): void {
    const { retries } = this.#options
    if (errorCode !== 0) retries.refused(state, errorCode, `validate the position in ${tpKey(state)}`)
    else if (agrees(end, state.fetchPosition)) {
      state.leaderEpoch = leaderEpoch
      state.failures = 0
    } else this.diverged(state, end)
  }

  /** Whether an answer does: no other leader is known by now. */
  #counts(question: Question): boolean {
    return isOpen(question) && this.#known(question.state)?.leaderEpoch === question.leaderEpoch
  }

  #known({ topic, partition }: PartitionState): PartitionInfo | undefined {
    return this.#options.cluster.image.topics.get(topic)?.partitions[partition]
  }
}

/** Nobody has sought elsewhere since, nor asked another leader. */
function isOpen({ state, version, leaderEpoch }: Question): boolean {
  return state.version === version && state.validating === leaderEpoch
}
