import { ZERO_UUID } from '../base/uuid.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { BrokerConnection } from '../cluster/connection.ts'
import type { Connections } from '../cluster/connections.ts'
import { errorName, kafkaError } from '../protocol/errors.ts'
import { Fetch } from '../protocol/messages/fetch.ts'
import type { FetchResponse } from '../protocol/messages/fetch.ts'
import { FetchSession, fetchTopics } from './fetch-session.ts'
import type { SessionPartition } from './fetch-session.ts'
import type { PartitionState } from './partition-state.ts'
import type { Isolation } from './types.ts'

export interface BrokerFetchOptions {
  cluster: Cluster
  isolationLevel: Isolation
  fetchMinBytes: number
  fetchMaxWaitMs: number
  fetchMaxBytes: number
  maxPartitionFetchBytes: number
  clientRack: string
}

export type Answer = FetchResponse['responses'][number]['partitions'][number]

/** What an answer says of one partition. */
export interface Answered {
  readonly asked: SessionPartition<PartitionState>
  readonly answer: Answer
}

const VERSION_WITH_TOPIC_IDS = 13
const VERSION_WITH_FETCHED_EPOCHS = 12

/** Fetches from one broker, one request at a time, in a session where the broker keeps one. */
export class BrokerFetch {
  readonly #node: number
  readonly #options: BrokerFetchOptions
  readonly #connections: Connections
  readonly #session: FetchSession<PartitionState>

  constructor(node: number, connections: Connections, options: BrokerFetchOptions) {
    this.#node = node
    this.#options = options
    this.#connections = connections
    this.#session = new FetchSession()
  }

  /** Asks for what follows in these partitions. Nothing comes where nothing is new, or when the broker has lost the session: then it is asked again. */
  async ask(states: readonly PartitionState[]): Promise<{ response: FetchResponse; answers: Answered[] } | undefined> {
    const { cluster, maxPartitionFetchBytes, fetchMaxWaitMs } = this.#options
    const session = this.#session
    const connection = await this.#connections.get(this.#node)
    const version = this.#begin(connection, states)
    const limits = this.#limits(this.#rackFor(states))
    const { sessionId, sessionEpoch, partitions, forgotten } = session.request()
    const body = {
      ...limits,
      sessionId,
      sessionEpoch,
      topics: fetchTopics(partitions, maxPartitionFetchBytes),
      forgottenTopicsData: forgotten.map(({ topic, topicId, partitions: list }) => ({ topic, topicId, partitions: [...list] })),
    }
    let response: FetchResponse
    try {
      response = await connection.request(Fetch, body, { timeoutMs: cluster.requestTimeoutMs + fetchMaxWaitMs, maxVersion: version })
    } catch (error) {
      session.failed()
      throw error
    }
    const error = errorName(response.errorCode)
    const isRepeated = !session.accepted(error, response.sessionId) && sessionEpoch > 0
    if (isRepeated) return undefined
    if (error !== 'NONE') throw kafkaError(error, 'fetch')
    return { response, answers: this.#match(response) }
  }

  /** Tells the broker that the session is over, if there is one. Whether it hears that does not matter: it forgets what is idle. */
  async end(): Promise<void> {
    const last = this.#session.end()
    const connection = this.#connections.peek(this.#node)
    if (last === undefined || connection === undefined) return
    const body = { ...this.#limits(''), ...last, maxWaitMs: 0, topics: [], forgottenTopicsData: [] }
    // What may be before it on the connection waits for records.
    await connection.request(Fetch, body, { timeoutMs: this.#options.fetchMaxWaitMs + END_MS }).catch(() => {})
  }

  /** Returns the version that names topics as the session does. */
  #begin(connection: BrokerConnection, states: readonly PartitionState[]): number {
    const most = connection.version(Fetch)
    const withIds = most >= VERSION_WITH_TOPIC_IDS && states.every(({ topicId }) => topicId !== ZERO_UUID)
    this.#session.begin(withIds ? 'ids' : 'names')
    for (const state of states) {
      const { version, leaderEpoch, fetchPosition } = state
      const topicId = state.meantTopicId ?? state.topicId
      // A follower may be behind, and not know an epoch yet.
      const fetchedEpoch = most >= VERSION_WITH_FETCHED_EPOCHS && state.readReplica?.node !== this.#node ? state.fetchEpoch : -1
      const known = this.#session.ask(state, version, topicId, leaderEpoch, fetchPosition, fetchedEpoch)
      if (state.highWatermark < 0 && known.highWatermark >= 0) takeEnds(state, known)
    }
    return withIds ? Infinity : VERSION_WITH_TOPIC_IDS - 1
  }

  /** None while a follower is avoided: a leader that was told the rack would send us there again, and no records. */
  #rackFor(states: readonly PartitionState[]): string {
    const { cluster, clientRack } = this.#options
    const now = cluster.clock.monotonic()
    return states.some(({ avoided }) => avoided !== undefined && avoided.until > now) ? '' : clientRack
  }

  #limits(rackId: string) {
    const { isolationLevel, fetchMinBytes, fetchMaxWaitMs, fetchMaxBytes } = this.#options
    return {
      maxWaitMs: fetchMaxWaitMs,
      minBytes: fetchMinBytes,
      maxBytes: fetchMaxBytes,
      isolationLevel: isolationLevel === 'read_committed' ? 1 : 0,
      rackId,
    }
  }

  #match(response: FetchResponse): Answered[] {
    const answers: Answered[] = []
    for (const { topic, topicId, partitions } of response.responses) {
      for (const answer of partitions) {
        const asked = this.#session.find(topic, topicId, answer.partitionIndex)
        if (asked === undefined) continue
        if (answer.errorCode === 0) takeEnds(asked, answer)
        if (answer.records !== null && answer.records.length > 0) this.#session.served(asked)
        answers.push({ asked, answer })
      }
    }
    return answers
  }
}

/** Beyond what the request before it may take. */
const END_MS = 1000

interface Ends {
  highWatermark: number
  lastStableOffset: number
  logStartOffset: number
}

/** Where the partition begins and ends. */
export function takeEnds(known: Ends, told: Ends): void {
  known.highWatermark = told.highWatermark
  known.lastStableOffset = told.lastStableOffset
  known.logStartOffset = told.logStartOffset
}
