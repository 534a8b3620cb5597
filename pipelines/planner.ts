import { json } from '../core/serde/primitives.ts'
import { checkEnds } from './check-ends.ts'
import { cut } from './cut.ts'
import { Names } from './declared-names.ts'
import type { OnError } from './errors/on-error.ts'
import { invalid } from './failure.ts'
import {
  type AggregateNode,
  type AnySerde,
  type BranchNode,
  countUses,
  type End,
  type FromNode,
  isTopic,
  type KeyByNode,
  type LookupNode,
  type MergeNode,
  type Node,
  type PipeNode,
  type StreamJoinNode,
  type TableFilterNode,
  type TableJoinNode,
  type TableMapNode,
  type TableNode,
} from './nodes.ts'
import type { Step } from './operators/safe.ts'
import type { Outlet, PartInput, Plan, PlannedOutput, PlannedStage, Repartition, StageSpec } from './plan.ts'
import type { Pipeline } from './pipeline.ts'

/** What a node gives: where it comes out, and what is known of it. */
interface Flow {
  readonly outlets: readonly Outlet[]
  /** Serdes of what flows, as long as no operator has changed it. */
  readonly key: AnySerde | undefined
  readonly value: AnySerde | undefined
  readonly grouped: boolean
  /** Only one node takes it: a step may be fused with the one before. */
  readonly sole: boolean
}

type LabelledStep = Step & { readonly label: string }

/** A stage while more steps may come to it. */
interface OpenStage extends PlannedStage {
  spec: StageSpec
}

/**
 * Checks a declaration and cuts it into parts.
 *
 * @throws PIPELINE_INVALID naming the pipeline and the remedy
 */
export function plan({ name, ends, errors }: Pipeline): Plan {
  return new Planner(name, ends, errors).plan()
}

class Planner {
  readonly #pipeline: string
  readonly #ends: readonly End[]
  readonly #uses: ReadonlyMap<Node, number>
  readonly #flows: Map<Node, Flow>
  readonly #inputs: PartInput[]
  readonly #stages: OpenStage[]
  readonly #outputs: PlannedOutput[]
  readonly #names: Names
  readonly #errors: Pipeline['errors']
  /** Nodes being planned, the innermost last: labels given meanwhile are theirs. */
  readonly #planning: Node[]
  /** By the labels of operators. */
  readonly #handlers: Map<string, OnError>

  constructor(pipeline: string, ends: readonly End[], errors: Pipeline['errors']) {
    this.#pipeline = pipeline
    this.#ends = ends
    this.#uses = countUses(ends)
    this.#flows = new Map()
    this.#inputs = []
    this.#stages = []
    this.#outputs = []
    this.#names = new Names(pipeline, (label) => this.#labelled(label))
    this.#errors = errors
    this.#planning = []
    this.#handlers = new Map()
  }

  plan(): Plan {
    for (const { input, output } of this.#ends) {
      const { outlets } = this.#flow(input)
      this.#outputs.push({ output: isTopic(output) ? { kind: 'topic', topic: output } : { kind: 'sink', sink: output }, outlets })
    }
    checkEnds(this.#pipeline, this.#inputs, this.#stages, this.#ends)
    const errors = { ...this.#errors, handlers: this.#handlers }
    return { name: this.#pipeline, errors, parts: cut(this.#pipeline, this.#inputs, this.#stages, this.#outputs) }
  }

  /** What a node gives; a node that several take is planned once. */
  #flow(node: Node): Flow {
    let flow = this.#flows.get(node)
    if (flow === undefined) {
      this.#planning.push(node)
      flow = this.#planned(node)
      this.#planning.pop()
      this.#flows.set(node, flow)
    }
    return flow
  }

  /** Of what was said with `onError(…)` to the node that is being planned. */
  #labelled(label: string): void {
    const onError = this.#errors.handlers.get(this.#planning.at(-1)!)
    if (onError !== undefined) this.#handlers.set(label, onError)
  }

  #planned(node: Node): Flow {
    switch (node.kind) {
      case 'from':
        return this.#from(node)
      case 'pipe':
        return this.#pipe(node)
      case 'perEpoch': {
        const { outlets } = this.#flow(node.input)
        const spec: StageSpec = { kind: 'perEpoch', label: this.#names.label('perEpoch'), operators: node.operators }
        return { ...unknown(this.#stage(spec, outlets)), sole: this.#isSole(node) }
      }
      case 'merge':
        return this.#merge(node)
      case 'branch':
        return this.#branch(node)
      case 'branchOutput': {
        const { outlets, ...flow } = this.#flow(node.input)
        return { ...flow, outlets: outlets.map(({ from }) => ({ from, port: node.port })), sole: this.#isSole(node) }
      }
      case 'groupByKey': {
        const flow = this.#flow(node.input)
        if (flow.key !== undefined) return { ...flow, grouped: true, sole: flow.sole && this.#isSole(node) }
        throw this.#invalid(
          'groupByKey after an operator that may have changed the key, or after a source: records of one key may be in several ' +
            'partitions; use keyBy(f, { key: serde }), or mapValues and filter before groupByKey',
        )
      }
      case 'keyBy':
        return this.#keyBy(node)
      case 'aggregate':
        return this.#aggregate(node)
      case 'table':
        return this.#table(node)
      case 'tableMap':
      case 'tableFilter':
        return this.#derivedTable(node)
      case 'tableJoin':
      case 'lookup':
        return this.#join(node)
      case 'streamJoin':
        return this.#streamJoin(node)
    }
  }

  #from(node: FromNode): Flow {
    const { topics, source } = node
    const sole = this.#isSole(node)
    if (source !== undefined) {
      const same = this.#inputs.find((input) => input.kind === 'source' && input.source.name === source.name)
      if (same !== undefined) throw this.#invalid(`two sources are called '${source.name}'; their positions would be mixed up`)
      const input: PartInput = { kind: 'source', source }
      this.#inputs.push(input)
      return { ...unknown(this.#outlet(input)), sole }
    }
    const [first] = topics
    if (first === undefined) throw this.#invalid('from() needs a topic or a source')
    if (new Set(topics.map((topic) => topic.name)).size < topics.length) throw this.#invalid('from(…) names a topic twice')
    for (const { name } of topics) this.#labelled(`from '${name}'`)
    const outlets = topics.flatMap((topic) => {
      const known = this.#inputs.find((input) => input.kind === 'topic' && input.topic.name === topic.name)
      if (known?.kind === 'topic' && (known.topic.key !== topic.key || known.topic.value !== topic.value)) {
        throw this.#invalid(`the topic '${topic.name}' is declared twice, with other serdes: declare it once and use that`)
      }
      if (known !== undefined) return this.#outlet(known)
      const input: PartInput = { kind: 'topic', topic }
      this.#inputs.push(input)
      return this.#outlet(input)
    })
    return { outlets, key: first.key, value: first.value, grouped: false, sole }
  }

  #pipe(node: PipeNode): Flow {
    let flow = this.#flow(node.input)
    for (const spec of node.operators) {
      if (spec === undefined) {
        throw this.#invalid('.pipe(…) got an operator that is not known to be safe across epochs; put it into .perEpoch(…)')
      }
      const label = this.#names.label(spec.kind)
      if (spec.onError !== undefined) this.#handlers.set(label, spec.onError)
      const outlets =
        spec.kind === 'mapAsync' || spec.kind === 'concatMap'
          ? this.#stage({ kind: 'async', label, step: spec }, flow.outlets)
          : this.#step({ ...spec, label }, flow)
      // Between the operators of one pipe there is nobody else.
      flow = { ...afterStep(spec.kind, flow, outlets), sole: true }
    }
    return { ...flow, sole: flow.sole && this.#isSole(node) }
  }

  #step(step: LabelledStep, { outlets, sole }: Flow): readonly Outlet[] {
    const last = this.#stages.find((stage) => outlets.length === 1 && stage === outlets[0]!.from)
    if (last?.spec.kind !== 'steps' || !sole) return this.#stage({ kind: 'steps', label: step.label, steps: [step] }, outlets)
    last.spec = { ...last.spec, steps: [...last.spec.steps, step] }
    return outlets
  }

  #merge({ inputs }: MergeNode): Flow {
    const flows = inputs.map((input) => this.#flow(input))
    const same = <T>(values: readonly T[]): T | undefined => (values.every((value) => value === values[0]) ? values[0] : undefined)
    return {
      outlets: flows.flatMap((flow) => flow.outlets),
      key: same(flows.map((flow) => flow.key)),
      value: same(flows.map((flow) => flow.value)),
      grouped: false,
      // Its outlets belong to several.
      sole: false,
    }
  }

  #branch(node: BranchNode): Flow {
    const flow = this.#flow(node.input)
    const outlets = this.#stage({ kind: 'branch', label: this.#names.label('branch'), predicates: node.predicates }, flow.outlets)
    return { ...flow, outlets, sole: false }
  }

  #keyBy(node: KeyByNode): Flow {
    const flow = this.#flow(node.input)
    const name = this.#names.of(node.name, 'keyBy')
    const value = node.value ?? flow.value
    if (value === undefined) {
      throw this.#invalid('keyBy needs the serde of the values, since an operator before it has changed them: keyBy(f, { key, value })')
    }
    const { select, key, partitions } = node
    const label = this.#names.label('keyBy')
    const repartition: Repartition = { kind: 'repartition', name: `${name}-repartition`, label, select, key, value, partitions }
    this.#outputs.push({ output: repartition, outlets: flow.outlets })
    this.#inputs.push(repartition)
    return { outlets: this.#outlet(repartition), key, value, grouped: true, sole: this.#isSole(node) }
  }

  #aggregate(node: AggregateNode): Flow {
    const { verb, windows, init, add, merge } = node
    const { outlets, key, grouped } = this.#flow(node.input)
    if (!grouped || key === undefined) throw this.#invalid(`${verb} needs groupByKey() or keyBy(…) directly before it`)
    const store = this.#names.of(node.name, windows === undefined ? verb : `${verb}-${windows.kind}`)
    const state = node.state ?? (json() as AnySerde)
    const spec: StageSpec = { kind: 'aggregate', label: this.#names.label(verb), store, windows, init, add, merge, key, state }
    return { outlets: this.#stage(spec, outlets), key, value: undefined, grouped, sole: this.#isSole(node) }
  }

  #table(node: TableNode): Flow {
    const { outlets, key, value } = this.#flow(node.input)
    if (key === undefined) {
      throw this.#invalid(
        'a table needs the keys of a topic, and an operator before may have changed them, or it is a source: ' +
          'records of one key may be in several partitions; use keyBy(f, { key: serde }) first',
      )
    }
    const store = this.#names.of(node.name, 'table')
    const state = node.state ?? value ?? (json() as AnySerde)
    const spec: StageSpec = { kind: 'table', label: this.#names.label('table'), store, key, state }
    return this.#tableOf(node, key, this.#stage(spec, outlets))
  }

  #derivedTable(node: TableMapNode | TableFilterNode): Flow {
    const { outlets, key } = this.#flow(node.input)
    const { kind, apply } = node
    const label = this.#names.label(kind === 'tableMap' ? 'mapValues of a table' : 'filter of a table')
    return this.#tableOf(node, key, this.#stage({ kind, label, apply } as StageSpec, outlets))
  }

  #join(node: TableJoinNode | LookupNode): Flow {
    const { kind, how, joiner } = node
    const [left, right] = node.inputs.map((input) => this.#flow(input)) as [Flow, Flow]
    const label = this.#names.label(how === 'inner' ? 'join' : `${how}Join`)
    if (left.key === undefined) throw this.#withoutKeys(label)
    const outlets = this.#stage({ kind, label, how, joiner } as StageSpec, left.outlets, right.outlets)
    if (kind === 'tableJoin') return this.#tableOf(node, left.key, outlets)
    return { ...left, outlets, value: undefined, sole: this.#isSole(node) }
  }

  #streamJoin(node: StreamJoinNode): Flow {
    const { kind, how, joiner, windows } = node
    const [left, right] = node.inputs.map((input) => this.#flow(input)) as [Flow, Flow]
    const label = this.#names.label(how === 'inner' ? 'join' : `${how}Join`)
    const { key } = left
    if (key === undefined || right.key === undefined) throw this.#withoutKeys(label)
    const name = this.#names.of(node.name, how === 'inner' ? 'join' : `${how}-join`)
    const stateOf = (flow: Flow, given: AnySerde | undefined): AnySerde => given ?? flow.value ?? (json() as AnySerde)
    const states = [stateOf(left, node.states[0]), stateOf(right, node.states[1])] as const
    const spec: StageSpec = { kind, label, how, joiner, windows, stores: [`${name}-left`, `${name}-right`], key, states }
    return { outlets: this.#stage(spec, left.outlets, right.outlets), key, value: undefined, grouped: false, sole: this.#isSole(node) }
  }

  #withoutKeys(label: string): Error {
    return this.#invalid(
      `${label} needs the keys of a topic, and an operator before may have changed them: use keyBy(f, { key: serde }) first`,
    )
  }

  #tableOf(node: Node, key: AnySerde | undefined, outlets: readonly Outlet[]): Flow {
    return { outlets, key, value: undefined, grouped: false, sole: this.#isSole(node) }
  }

  /** A stage, with what flows into each of its ports. */
  #stage(spec: StageSpec, ...ports: readonly (readonly Outlet[])[]): readonly Outlet[] {
    const stage: OpenStage = { spec, ports }
    this.#stages.push(stage)
    return this.#outlet(stage)
  }

  #outlet(from: PartInput | PlannedStage): readonly Outlet[] {
    return [{ from, port: 0 }]
  }

  #isSole(node: Node): boolean {
    return this.#uses.get(node) === 1
  }

  #invalid(what: string): Error {
    return invalid(this.#pipeline, what)
  }
}

function unknown(outlets: readonly Outlet[]): Omit<Flow, 'sole'> {
  return { outlets, key: undefined, value: undefined, grouped: false }
}

/** Operators that keep key and value keep their serdes; others lose what they may change. */
function afterStep(kind: string, flow: Flow, outlets: readonly Outlet[]): Omit<Flow, 'sole'> {
  if (kind === 'filter' || kind === 'tap') return { ...flow, outlets }
  if (kind === 'mapValues') return { ...flow, outlets, value: undefined }
  return unknown(outlets)
}
