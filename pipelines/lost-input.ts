import { MoldauError } from '../core/base/errors.ts'
import type { Consumer } from '../core/client/consumer.ts'
import { LogTruncationError } from '../core/client/log-truncation.ts'
import type { CommittedOffset, TopicPartition } from '../core/client/types.ts'
import type { Meter } from './metrics.ts'
import type { Settings } from './options.ts'
import { kafkaCode } from './retry.ts'
import { keyOf } from './slices.ts'

/** A partition that cannot be read on from where it was read to. */
interface Loss {
  readonly place: TopicPartition
  readonly position: number
  readonly begin: number
  /** Of the log; undefined when it begins behind the position. */
  readonly end: number | undefined
}

/**
 * Input that is gone before it was read, since retention or somebody has deleted it, or the topic was made anew. Kafka Streams goes on at
 * `auto.offset.reset` without a word; here the user says so first.
 */
export class LostInput {
  readonly #settings: Settings
  readonly #pipeline: string
  readonly #meter: Meter
  #suspected: boolean

  constructor(settings: Settings, pipeline: string, meter: Meter) {
    this.#settings = settings
    this.#pipeline = pipeline
    this.#meter = meter
    this.#suspected = false
  }

  /** A broker has refused a position: positions have to be looked at anew. */
  get isSuspected(): boolean {
    return this.#suspected
  }

  /**
   * Whether an error of a poll says that input is lost.
   *
   * @throws INPUT_LOST when records are gone that were read already: what was made of them is in the output
   */
  suspects(error: unknown): boolean {
    const truncated = error instanceof LogTruncationError
    if (!truncated && kafkaCode(error) !== 'OFFSET_OUT_OF_RANGE') return false
    if (truncated) this.#tell([error.message], error)
    this.#suspected = true
    return true
  }

  /**
   * Where to read on: at what is committed, in a partition without that at its begin.
   *
   * @throws INPUT_LOST when what is committed cannot be read on from, unless `lostInput` is 'skip'
   */
  async placesOf(
    partitions: readonly TopicPartition[],
    committed: ReadonlyMap<string, CommittedOffset | null>,
    consumer: Consumer,
  ): Promise<Map<string, number>> {
    const begins = await consumer.beginningOffsets(partitions)
    const ends = this.#suspected ? await this.#ends(partitions) : undefined
    this.#suspected = false
    const places = new Map<string, number>()
    const losses: Loss[] = []
    for (const place of partitions) {
      const key = keyOf(place)
      const begin = begins.get(key) ?? 0
      const end = ends?.get(key)
      const position = committed.get(key)?.offset ?? begin
      const isBehind = end !== undefined && position > end
      if (position < begin || isBehind) losses.push({ place, position, begin, end: isBehind ? end : undefined })
      places.set(key, position < begin || isBehind ? begin : position)
    }
    if (losses.length > 0) this.#tell(losses.map(describe))
    for (const { position, begin } of losses) this.#meter.lose(Math.max(0, begin - position))
    return places
  }

  /** Of the logs: a reader of committed records never gets further. */
  async #ends(partitions: readonly TopicPartition[]): Promise<Map<string, number>> {
    const asked = partitions.map(({ topic, partition }) => ({ topic, partition, at: 'latest' as const }))
    const found = await this.#settings.client.admin.listOffsets(asked)
    return new Map(found.map((each) => [keyOf(each), each.offset]))
  }

  #tell(what: readonly string[], cause?: unknown): void {
    const message = `pipeline "${this.#pipeline}" has lost input: ${what.join('; ')}`
    if (this.#settings.lostInput === 'skip') return this.#settings.logger.warn({ err: cause }, `${message}; it goes on with what is there`)
    throw new MoldauError(
      'INPUT_LOST',
      `${message}. Let the topic keep its records for longer (retention.ms, which goes by the times of the records, and retention.bytes), ` +
        "and run once with lostInput: 'skip' to go on with what is there",
      { cause },
    )
  }
}

function describe({ place, position, begin, end }: Loss): string {
  if (end === undefined) {
    return `${keyOf(place)} was read up to offset ${position} and begins at ${begin} now: ${begin - position} offsets were deleted before they were read`
  }
  return `${keyOf(place)} was read up to offset ${position} and ends at ${end} now: it was truncated or made anew`
}
