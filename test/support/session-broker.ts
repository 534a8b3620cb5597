import type { KafkaErrorName } from '../../core/protocol/errors.ts'
import type { SessionRequest } from '../../core/client/fetch-session.ts'

export interface Asked {
  key: string
  offset: number
  leaderEpoch: number
}

interface Session {
  epoch: number
  naming: 'ids' | 'names'
  partitions: Map<string, Asked>
}

/** The cache of fetch sessions of a broker (KIP-227) as Kafka's `FetchSession.scala` behaves: what it would read for each request. */
export class SessionBroker {
  declines: boolean
  hasEvicted: boolean
  readonly #sessions: Map<number, Session>
  #next: number

  constructor() {
    this.declines = false
    this.hasEvicted = false
    this.#sessions = new Map()
    this.#next = 1
  }

  evict(): void {
    this.#sessions.clear()
    this.hasEvicted = true
  }

  /** Returns whether there was one. */
  end(sessionId: number): boolean {
    return this.#sessions.delete(sessionId)
  }

  fetch<Owner extends { topic: string; partition: number }>(
    request: SessionRequest<Owner>,
    naming: 'ids' | 'names',
  ): { error: KafkaErrorName; sessionId: number; read: Asked[] } {
    const { sessionId, sessionEpoch } = request
    const asked = new Map<string, Asked>()
    for (const { owner, topicId, offset, leaderEpoch } of request.partitions) {
      const key = `${naming === 'ids' ? topicId : owner.topic}-${owner.partition}`
      asked.set(key, { key, offset, leaderEpoch })
    }
    if (sessionEpoch <= 0) {
      this.#sessions.delete(sessionId)
      const id = this.declines || asked.size === 0 ? 0 : this.#next++
      if (id !== 0) this.#sessions.set(id, { epoch: 1, naming, partitions: new Map(asked) })
      return { error: 'NONE', sessionId: id, read: [...asked.values()] }
    }
    const session = this.#sessions.get(sessionId)
    if (session === undefined) return { error: 'FETCH_SESSION_ID_NOT_FOUND', sessionId: 0, read: [] }
    if (session.epoch !== sessionEpoch) return { error: 'INVALID_FETCH_SESSION_EPOCH', sessionId: 0, read: [] }
    if (session.naming !== naming) return { error: 'FETCH_SESSION_TOPIC_ID_ERROR', sessionId: 0, read: [] }
    session.epoch++
    for (const [key, partition] of asked) session.partitions.set(key, partition)
    // In this order: what is named in both lists is gone.
    for (const { topic, topicId, partitions } of request.forgotten) {
      for (const partition of partitions) session.partitions.delete(`${naming === 'ids' ? topicId : topic}-${partition}`)
    }
    return { error: 'NONE', sessionId, read: [...session.partitions.values()] }
  }
}
