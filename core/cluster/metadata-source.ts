import type { Clock } from '../base/clock.ts'
import { MoldauError } from '../base/errors.ts'
import type { Logger } from '../base/logger.ts'
import { errorName } from '../protocol/errors.ts'
import { Metadata } from '../protocol/messages/metadata.ts'
import type { MetadataResponse } from '../protocol/messages/metadata.ts'
import type { AnyBroker } from './any-broker.ts'
import type { BrokerConnection } from './connection.ts'
import { hedge } from './hedge.ts'
import type { ClusterImage } from './metadata.ts'
import type { AskMetadata } from './topics-of-interest.ts'

export interface MetadataSourceOptions {
  any: AnyBroker
  clock: Clock
  logger: Logger
  /** After so many milliseconds without an answer the brokers are looked for anew. */
  triggerMs: number
  image: () => ClusterImage
  /** Forgets what is known of the cluster: it is another one. */
  reset: () => void
}

/** A broker that does not answer for so long is not waited for alone: another one is asked, too. */
const PATIENCE_MS = 2000

/** Gets metadata from whoever answers, and finds the cluster again when nobody does (KIP-899, KIP-1102). */
export class MetadataSource {
  readonly #options: MetadataSourceOptions
  /** When answers began to be missed. */
  #missedSince: number

  constructor(options: MetadataSourceOptions) {
    this.#options = options
    this.#missedSince = Infinity
  }

  /** @throws MoldauError CONNECTION_REFUSED, CONNECTION_LOST, TIMEOUT: all retriable */
  async ask(body: Parameters<AskMetadata>[0]): Promise<MetadataResponse> {
    const { any, clock, triggerMs, image } = this.#options
    if (clock.monotonic() - this.#missedSince >= triggerMs) this.#rebootstrap(`no metadata for ${triggerMs} ms`)
    const asked = new Set<BrokerConnection>()
    const ask = async (): Promise<MetadataResponse> => {
      const connection = await any.connection(asked)
      asked.add(connection)
      return this.#checked(connection, await connection.request(Metadata, body))
    }
    try {
      const answer = await hedge(clock, PATIENCE_MS, Math.max(1, image().brokers.size), ask)
      this.#missedSince = Infinity
      return answer
    } catch (error) {
      this.#missedSince = Math.min(this.#missedSince, clock.monotonic())
      throw error
    }
  }

  #checked(connection: BrokerConnection, answer: MetadataResponse): MetadataResponse {
    const { remote } = connection
    if (errorName(answer.errorCode) === 'REBOOTSTRAP_REQUIRED') {
      this.#rebootstrap(`${remote} asks for it`)
      throw new MoldauError('CONNECTION_LOST', `${remote} wants us to look for the cluster anew`, { retriable: true })
    }
    const { any, logger, image, reset } = this.#options
    const { clusterId } = image()
    const isOther = answer.clusterId !== null && clusterId !== '' && answer.clusterId !== clusterId
    if (!isOther) return answer
    if (any.isSeed(connection)) {
      logger.warn({ before: clusterId, now: answer.clusterId }, `cluster: at ${remote} is another cluster now`)
      reset()
      return answer
    }
    // The address of a broker that is gone was given to somebody else.
    connection.close()
    const message = `${remote} belongs to cluster ${answer.clusterId} now, not to ${clusterId}`
    this.#rebootstrap(message)
    throw new MoldauError('CONNECTION_LOST', message, { retriable: true })
  }

  #rebootstrap(why: string): void {
    this.#options.logger.warn({ why }, 'cluster: the brokers are looked for anew, from the bootstrap addresses')
    this.#missedSince = Infinity
    this.#options.any.rebootstrap()
  }
}
