import type { Declaring } from './flow.ts'
import type { StageNode } from './nodes.ts'
import { LATE_PORT } from './stages/windowed.ts'
import { Stream } from './stream.ts'
import type { Windowed } from './stream-types.ts'

/**
 * What an aggregation over windows gives.
 *
 * @typeParam A the values; with null where sessions are taken back
 * @typeParam T the records that are aggregated
 */
export class WindowedResults<K, A, T> extends Stream<Windowed<K, A>> {
  readonly #aggregation: StageNode

  /** Not for users: results come from {@link WindowedStream}. */
  constructor(declaring: Declaring, aggregation: StageNode) {
    super(declaring, aggregation)
    this.#aggregation = aggregation
  }

  /**
   * The records that came when all their windows had closed, as they came in; the metric `late` counts them whether they are used or not.
   * Kafka Streams drops them; Flink's `sideOutputLateData`, Storm's late tuple stream.
   *
   * ```ts
   * const perHour = flights.groupByKey().window(tumbling('1h', { grace: '10m' })).count()
   * export const counts = together(perHour.to(hourly), perHour.late.to(lateFlights))
   * ```
   */
  get late(): Stream<T> {
    return this.declaring.stream({ kind: 'port', input: this.#aggregation, port: LATE_PORT })
  }
}
