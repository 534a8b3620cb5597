import { MoldauError } from '../core/base/errors.ts'
import type { Appender } from './appender.ts'
import { operatorFailed } from './failure.ts'
import { type AnyTopic, isTopic, type Routing } from './nodes.ts'
import type { AnyPartitioner } from './partitioning.ts'
import type { Origin } from './record.ts'
import { type Emit, placeOf, type Stage, type StageContext } from './stages/stage.ts'
import { topic as declared } from './topic.ts'
import { topicSink } from './topic-sink.ts'

export interface RoutingOptions extends Routing {
  readonly label: string
  readonly partitioner: AnyPartitioner | undefined
}

interface Waiting {
  readonly item: unknown
  readonly origin: Origin
}

/** The end of a task that chooses the topic record by record. Records for one that is not known yet wait until the epoch completes. */
export class RoutingSink implements Stage {
  readonly process: Emit
  readonly #options: RoutingOptions
  readonly #appender: Appender
  readonly #context: StageContext
  /** By the names of the topics that may be appended to. */
  readonly #known: Map<string, Emit>
  /** By the names of the others, in the order in which they came up. */
  readonly #waiting: Map<string, { readonly topic: AnyTopic; readonly records: Waiting[] }>

  constructor(options: RoutingOptions, appender: Appender, context: StageContext) {
    this.#options = options
    this.#appender = appender
    this.#context = context
    this.#known = new Map()
    this.#waiting = new Map()
    const place = placeOf(context, options.label)
    const choose = options.choose as (item: unknown) => unknown
    this.process = (item, origin) => {
      let sink: Emit | undefined
      try {
        const chosen = choose(item)
        const name = nameOf(chosen)
        sink = this.#known.get(name)
        if (sink === undefined) this.#wait(chosen, name, { item, origin })
      } catch (error) {
        throw operatorFailed(place, origin, error)
      }
      sink?.(item, origin)
    }
  }

  async complete(): Promise<void> {
    for (const [name, { topic, records }] of this.#waiting) {
      await this.#know(name, records[0]!.origin)
      const { label, partitioner } = this.#options
      const sink = topicSink(topic, this.#appender, this.#context, { label, partitioner })
      for (const { item, origin } of records) sink(item, origin)
      this.#known.set(name, sink)
    }
    this.#waiting.clear()
  }

  reset(): void {
    this.#waiting.clear()
  }

  seed(): void {}

  #wait(chosen: unknown, name: string, record: Waiting): void {
    const waiting = this.#waiting.get(name)
    if (waiting !== undefined) waiting.records.push(record)
    else this.#waiting.set(name, { topic: this.#topic(chosen, name), records: [record] })
  }

  async #know(name: string, origin: Origin): Promise<void> {
    try {
      await this.#appender.know(name)
    } catch (error) {
      // The record names what is not there; anything else may pass.
      if (!(error instanceof MoldauError) || error.code !== 'UNKNOWN_TOPIC') throw error
      throw operatorFailed(placeOf(this.#context, this.#options.label), origin, error)
    }
  }

  #topic(chosen: unknown, name: string): AnyTopic {
    if (typeof chosen !== 'string') return chosen as AnyTopic
    const { key, value } = this.#options
    if (key !== undefined && value !== undefined) return declared(name, { key, value })
    throw new MoldauError('INVALID_ARGUMENT', `to(…) chose the name '${name}' and was given no serdes: to(choose, { key, value })`)
  }
}

function nameOf(chosen: unknown): string {
  if (typeof chosen === 'string') return chosen
  if (typeof chosen === 'object' && chosen !== null && isTopic(chosen)) return chosen.name
  throw new MoldauError('INVALID_ARGUMENT', `to(…) chose ${String(chosen)}; it takes a function that gives a topic or the name of one`)
}
