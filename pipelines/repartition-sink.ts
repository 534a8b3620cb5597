import { MoldauError } from '../core/base/errors.ts'
import type { Appender } from './appender.ts'
import { writeFailed } from './failure.ts'
import { placing } from './partitioning.ts'
import type { Repartition } from './plan.ts'
import { headersOf, timestampOf } from './record.ts'
import { stampHeader } from './stamp.ts'
import { type Emit, placeOf, type Progress, type Stage, type StageContext } from './stages/stage.ts'
import { serializer } from './topic-sink.ts'

/** The end of a task whose records get another key: every record carries the task's watermark, and every epoch tells it to all readers. */
export class RepartitionSink implements Stage {
  readonly process: Emit
  readonly #topic: string
  readonly #task: number
  readonly #appender: Appender
  readonly #progress: Progress
  readonly #idle: () => boolean
  readonly #clock: StageContext['clock']
  /** What all readers were told last; undefined: they must be told again. */
  #told: string | undefined

  /**
   * @param topic the repartition topic's full name
   * @param idle whether readers should not wait for this task
   */
  constructor(repartition: Repartition, topic: string, appender: Appender, context: StageContext, progress: Progress, idle: () => boolean) {
    this.#topic = topic
    this.#task = context.task.partition
    this.#appender = appender
    this.#progress = progress
    this.#idle = idle
    this.#clock = context.clock
    this.#told = undefined
    const place = placeOf(context, repartition.label)
    const select = repartition.select as (item: unknown) => unknown
    const keySerializer = serializer(repartition.key, 'key', topic)
    const valueSerializer = serializer(repartition.value, 'value', topic)
    const append = placing(topic, appender, repartition.partitioner)
    let stampedAt = Number.NaN
    let stamp = stampHeader({ task: this.#task, watermark: 0, idle: false })
    this.process = (item, origin) => {
      try {
        const key = select(item)
        if (key === null || key === undefined) throw withoutKey()
        const keyBytes = keySerializer(key)
        const { value } = item as { value: unknown }
        const valueBytes = valueSerializer(value)
        if (progress.watermark !== stampedAt) {
          stampedAt = progress.watermark
          stamp = stampHeader({ task: this.#task, watermark: stampedAt, idle: false })
        }
        const headers = headersOf(item as object)
        const stamped = headers.length === 0 ? [stamp] : [...headers, stamp]
        append({ key, value }, keyBytes, valueBytes, timestampOf(item, origin), stamped)
      } catch (error) {
        throw writeFailed(place, origin, error)
      }
    }
  }

  complete(): void {
    const idle = this.#idle()
    const { watermark } = this.#progress
    const telling = `${idle} ${watermark}`
    if (telling === this.#told) return
    this.#told = telling
    const headers = [stampHeader({ task: this.#task, watermark, idle })]
    const now = this.#clock.now()
    for (let partition = 0; partition < this.#appender.partitions(this.#topic); partition++) {
      this.#appender.append(this.#topic, partition, null, null, now, headers)
    }
  }

  reset(): void {
    this.#told = undefined
  }

  seed(): void {}
}

function withoutKey(): MoldauError {
  return new MoldauError(
    'INVALID_ARGUMENT',
    'it has no key (null or undefined) by which it could be brought together with others; filter such records out before',
  )
}
