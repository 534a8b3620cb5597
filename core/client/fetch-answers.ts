import { MoldauError } from '../base/errors.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { tpKey } from '../cluster/topic-partition.ts'
import { errorName } from '../protocol/errors.ts'
import type { FetchResponse } from '../protocol/messages/fetch.ts'
import { takeEnds } from './broker-fetch.ts'
import type { Answer, Answered } from './broker-fetch.ts'
import { FetchedRecords } from './fetched-records.ts'
import type { FetchRetries } from './fetch-retries.ts'
import { agrees } from './log-truncation.ts'
import type { PartitionState } from './partition-state.ts'
import type { PositionValidation } from './position-validation.ts'
import { AVOIDED_MS } from './read-replica.ts'
import type { Isolation } from './types.ts'

export interface FetchAnswersOptions {
  cluster: Cluster
  isolationLevel: Isolation
  checkCrcs: boolean
  raw: boolean
  retries: FetchRetries
  validation: PositionValidation
  onProgress: () => void
  onOutOfRange: (state: PartitionState) => void
  onError: (error: Error) => void
}

/** Takes the answers of brokers to fetches into the partitions they are about. */
export class FetchAnswers {
  readonly #options: FetchAnswersOptions

  constructor(options: FetchAnswersOptions) {
    this.#options = options
  }

  accept(node: number, response: FetchResponse, answers: readonly Answered[]): void {
    const told = answers.filter(({ answer }) => answer.currentLeader.leaderId >= 0)
    const leaders = told.map(({ asked, answer }) => ({
      topic: asked.owner.topic,
      partition: asked.owner.partition,
      ...answer.currentLeader,
    }))
    if (leaders.length > 0) this.#options.cluster.leadersTold(leaders, response.nodeEndpoints)
    for (const { asked, answer } of answers) {
      const state = asked.owner
      // A seek, a revocation, a restart or another leader since then: the answer is to an old question.
      const isAsked = asked.version === state.version && asked.offset === state.fetchPosition && asked.leaderEpoch === state.leaderEpoch
      if (isAsked) this.#answered(node, state, answer)
    }
  }

  #answered(node: number, state: PartitionState, answer: Answer): void {
    const { onProgress, onOutOfRange } = this.#options
    const { clock } = this.#options.cluster
    const error = errorName(answer.errorCode)
    if (error !== 'NONE' && state.readReplica?.node === node) {
      // It may be behind, or its disk damaged: the leader knows.
      state.avoided = { node, until: clock.monotonic() + AVOIDED_MS }
      state.readReplica = undefined
    } else if (error === 'OFFSET_OUT_OF_RANGE') {
      state.outOfRange = true
      if (state.fetched.length === 0) onOutOfRange(state)
    } else if (error !== 'NONE') this.#failed(state, answer)
    else if (answer.divergingEpoch.epoch >= 0) this.#diverging(state, answer.divergingEpoch)
    else {
      state.failures = 0
      takeEnds(state, answer)
      if (answer.preferredReadReplica >= 0) this.#sentTo(state, answer.preferredReadReplica)
      if (answer.records !== null && answer.records.length > 0) this.#fetched(state, answer.records, answer)
      else onProgress()
    }
  }

  #sentTo(state: PartitionState, node: number): void {
    const { cluster, retries } = this.#options
    const now = cluster.clock.monotonic()
    if (state.avoided?.node === node && state.avoided.until > now) retries.delay(state)
    else state.readReplica = { node, until: now + cluster.metadataMaxAgeMs }
  }

  #fetched(state: PartitionState, records: Buffer, answer: Answer): void {
    const { isolationLevel, checkCrcs, raw, onProgress } = this.#options
    const { abortedTransactions, highWatermark, logStartOffset } = answer
    const aborted = isolationLevel === 'read_committed' ? abortedTransactions : null
    const fetched = new FetchedRecords(state, { records, aborted, highWatermark, logStartOffset }, checkCrcs, raw)
    if (fetched.nextOffset < 0) return
    if (fetched.nextOffset > state.fetchPosition) {
      state.fetchPosition = fetched.nextOffset
      state.fetchEpoch = fetched.leaderEpoch
    }
    state.fetched.push(fetched)
    state.bufferedBytes += fetched.bytes
    onProgress()
  }

  #diverging(state: PartitionState, { epoch: leaderEpoch, endOffset }: Answer['divergingEpoch']): void {
    const { validation, onProgress } = this.#options
    const end = { leaderEpoch, endOffset }
    // The next fetch names an epoch that the leader has.
    if (agrees(end, state.fetchPosition)) state.fetchEpoch = leaderEpoch
    else validation.diverged(state, end)
    onProgress()
  }

  #failed(state: PartitionState, answer: Answer): void {
    const { cluster, retries, onError } = this.#options
    const { leaderId, leaderEpoch } = answer.currentLeader
    const known = cluster.image.topics.get(state.topic)?.partitions[state.partition]?.leaderEpoch ?? -1
    // It said who leads: that one is asked at once.
    if (leaderId >= 0 && leaderEpoch > state.leaderEpoch && leaderEpoch <= known) return
    if (errorName(answer.errorCode) === 'CORRUPT_MESSAGE') {
      // Tried again all the same: the file may be restored.
      retries.delay(state)
      const where = `the record batch at offset ${state.fetchPosition} of ${tpKey(state)}`
      onError(
        new MoldauError('CORRUPT_BATCH', `${where} is damaged on the broker's disk: its log names the file; restore it, or seek() past it`),
      )
      return
    }
    retries.refused(state, answer.errorCode, `fetch from ${tpKey(state)} at offset ${state.fetchPosition}`)
  }
}
