import type { OperatorFunction } from 'rxjs'
import type { Sink, Source } from '../connectors/types.ts'
import { json } from '../core/serde/primitives.ts'
import { invalid } from './failure.ts'
import { type AggregateNode, type AnySerde, type AnyTopic, isTopic, type KeyByNode, type Node } from './nodes.ts'
import type { AsyncStep, Step } from './operators/safe.ts'
import type { Pipeline } from './stream.ts'
import { checkName } from './topic.ts'
import type { TumblingWindows } from './windows.ts'

/** What the runner executes for one stretch of a declaration. `label` names it in messages. */
export type StageSpec =
  | { readonly kind: 'steps'; readonly label: string; readonly steps: readonly (Step & { readonly label: string })[] }
  | { readonly kind: 'async'; readonly label: string; readonly step: AsyncStep }
  | { readonly kind: 'perEpoch'; readonly label: string; readonly operators: readonly OperatorFunction<unknown, unknown>[] }
  | AggregateSpec

export interface AggregateSpec {
  readonly kind: 'aggregate'
  readonly label: string
  /** Name of the store; its changelog is `<application>-<store>-changelog`. */
  readonly store: string
  readonly windows: TumblingWindows | undefined
  readonly init: (() => unknown) | undefined
  readonly add: (value: never, item: never) => unknown
  readonly key: AnySerde
  readonly state: AnySerde
}

/** A topic between two parts of one pipeline. */
export interface Repartition {
  readonly kind: 'repartition'
  /** Without the application id. */
  readonly name: string
  readonly label: string
  readonly select: (item: never) => unknown
  readonly key: AnySerde
  readonly value: AnySerde
  readonly partitions: number | undefined
}

export type PartInput =
  | { readonly kind: 'topics'; readonly topics: readonly AnyTopic[] }
  | { readonly kind: 'source'; readonly source: Source<unknown> }
  | Repartition

export type PartOutput = Repartition | { readonly kind: 'topic'; readonly topic: AnyTopic } | { readonly kind: 'sink'; readonly sink: Sink }

/** A stretch of a pipeline that runs in one task per partition: up to a repartition, or to the end. */
export interface Part {
  readonly index: number
  readonly input: PartInput
  readonly stages: readonly StageSpec[]
  readonly output: PartOutput
}

/** Whether operators may wait for something outside, and RxJS's queues are in use. */
export function waits(parts: readonly Part[]): boolean {
  return parts.some((part) => part.stages.some(({ kind }) => kind === 'perEpoch' || kind === 'async'))
}

/** A pipeline that can be run. */
export interface Plan {
  readonly name: string
  readonly parts: readonly Part[]
}

/**
 * Checks a declaration and cuts it into parts.
 *
 * @throws PIPELINE_INVALID naming the pipeline and the remedy
 */
export function plan(pipeline: Pipeline): Plan {
  return new Planner(pipeline).plan()
}

class Planner {
  readonly #pipeline: Pipeline
  readonly #parts: Part[]
  readonly #names: Set<string>
  #input: PartInput | undefined
  #stages: StageSpec[]
  #operators: number
  #stores: number
  /** Serdes of what flows, as long as no operator has changed it. */
  #key: AnySerde | undefined
  #value: AnySerde | undefined
  #grouped: boolean

  constructor(pipeline: Pipeline) {
    this.#pipeline = pipeline
    this.#parts = []
    this.#names = new Set()
    this.#input = undefined
    this.#stages = []
    this.#operators = 0
    this.#stores = 0
    this.#key = undefined
    this.#value = undefined
    this.#grouped = false
  }

  plan(): Plan {
    for (const node of this.#pipeline.nodes) this.#add(node)
    const { output } = this.#pipeline
    if (isTopic(output)) {
      const first = this.#parts[0]?.input ?? this.#input
      if (first?.kind === 'topics' && first.topics.some((topic) => topic.name === output.name)) {
        throw this.#invalid(`it reads and writes the topic '${output.name}', so it would never end; write to another topic`)
      }
      this.#close({ kind: 'topic', topic: output })
    } else {
      this.#checkSink(output)
      this.#close({ kind: 'sink', sink: output })
    }
    return { name: this.#pipeline.name, parts: this.#parts }
  }

  #add(node: Node): void {
    switch (node.kind) {
      case 'from':
        return this.#from(node.topics, node.source)
      case 'pipe':
        for (const spec of node.operators) {
          if (spec === undefined) {
            throw this.#invalid('.pipe(…) got an operator that is not known to be safe across epochs; put it into .perEpoch(…)')
          }
          const label = `${spec.kind} (operator ${++this.#operators})`
          if (spec.kind === 'mapAsync' || spec.kind === 'concatMap') this.#stages.push({ kind: 'async', label, step: spec })
          else this.#step({ ...spec, label })
          this.#changed(spec.kind)
        }
        return
      case 'perEpoch':
        this.#stages.push({ kind: 'perEpoch', label: `perEpoch (operator ${++this.#operators})`, operators: node.operators })
        return this.#changed('perEpoch')
      case 'groupByKey':
        if (this.#key === undefined) {
          throw this.#invalid(
            'groupByKey after an operator that may have changed the key, or after a source: records of one key may be in several ' +
              'partitions; use keyBy(f, { key: serde }), or mapValues and filter before groupByKey',
          )
        }
        this.#grouped = true
        return
      case 'keyBy':
        return this.#keyBy(node)
      case 'aggregate':
        return this.#aggregate(node)
    }
  }

  #from(topics: readonly AnyTopic[], source: Source<unknown> | undefined): void {
    if (source !== undefined) {
      this.#input = { kind: 'source', source }
      return
    }
    const [first] = topics
    if (first === undefined) throw this.#invalid('from() needs a topic or a source')
    if (new Set(topics.map((topic) => topic.name)).size < topics.length) throw this.#invalid('from(…) names a topic twice')
    this.#input = { kind: 'topics', topics }
    this.#key = first.key
    this.#value = first.value
  }

  #step(step: Step & { readonly label: string }): void {
    const last = this.#stages.at(-1)
    if (last?.kind === 'steps') {
      this.#stages[this.#stages.length - 1] = { kind: 'steps', label: last.label, steps: [...last.steps, step] }
    } else this.#stages.push({ kind: 'steps', label: step.label, steps: [step] })
  }

  /** Operators that keep key and value keep their serdes; others lose what they may change. */
  #changed(kind: string): void {
    if (kind === 'filter' || kind === 'tap') return
    this.#value = undefined
    if (kind === 'mapValues') return
    this.#key = undefined
    this.#grouped = false
  }

  #keyBy(node: KeyByNode): void {
    const name = this.#name(node.name, 'keyBy')
    const value = node.value ?? this.#value
    if (value === undefined) {
      throw this.#invalid('keyBy needs the serde of the values, since an operator before it has changed them: keyBy(f, { key, value })')
    }
    const label = `keyBy (operator ${++this.#operators})`
    const repartition: Repartition = {
      kind: 'repartition',
      name: `${name}-repartition`,
      label,
      select: node.select,
      key: node.key,
      value,
      partitions: node.partitions,
    }
    this.#close(repartition)
    this.#input = repartition
    this.#key = node.key
    this.#value = value
    this.#grouped = true
  }

  #aggregate(node: AggregateNode): void {
    const key = this.#key
    if (!this.#grouped || key === undefined) throw this.#invalid(`${node.verb} needs groupByKey() or keyBy(…) directly before it`)
    const source = this.#input?.kind === 'source'
    if (source) throw this.#invalid(`${node.verb} on a source: bring the keys together first with keyBy(…)`)
    const store = this.#name(node.name, node.windows === undefined ? node.verb : `${node.verb}-${node.windows.kind}`)
    const { windows, init, add } = node
    const label = `${node.verb} (operator ${++this.#operators})`
    const state = node.state ?? (json() as AnySerde)
    this.#stages.push({ kind: 'aggregate', label, store, windows, init, add, key, state })
    this.#value = undefined
  }

  /** `<pipeline>-<given name>`, else `<pipeline>-<n>-<kind>`, n counting what has state or a topic. */
  #name(given: string | undefined, kind: string): string {
    this.#stores++
    const name = `${this.#pipeline.name}-${given ?? `${this.#stores}-${kind}`}`
    if (given !== undefined) checkName(`pipeline "${this.#pipeline.name}", name`, given)
    if (this.#names.has(name)) throw this.#invalid(`the name '${given}' is used twice; names of stores and keyBy differ`)
    this.#names.add(name)
    return name
  }

  /** A sink with its own position needs to know, for each record, which offset it has: one to one, nothing that waits, no state. */
  #checkSink(sink: Sink): void {
    const plain = this.#parts.length === 0 && this.#input?.kind === 'topics'
    const unfit = this.#stages.find((stage) => stage.kind !== 'steps' || stage.steps.some((step) => step.kind === 'flatMap'))
    if (plain && unfit === undefined) return
    throw this.#invalid(
      `the sink '${sink.name}' takes the records of a topic, with at most filter, map, mapValues and tap in between` +
        `${unfit === undefined ? '' : `, not ${unfit.label}`}; write to a topic and archive that topic in a second pipeline`,
    )
  }

  #close(output: PartOutput): void {
    if (this.#input === undefined) throw this.#invalid('it has no input; begin with pipeline(name).from(…)')
    this.#parts.push({ index: this.#parts.length, input: this.#input, stages: this.#stages, output })
    this.#stages = []
  }

  #invalid(what: string): Error {
    return invalid(this.#pipeline.name, what)
  }
}
