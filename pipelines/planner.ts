import { checkEnds } from './check-ends.ts'
import { cut } from './cut.ts'
import { Names } from './declared-names.ts'
import type { OnError } from './errors/on-error.ts'
import { invalid } from './failure.ts'
import {
  type AnyTopic,
  countUses,
  type End,
  type FromNode,
  isSink,
  isTopic,
  type MergeNode,
  type Node,
  type PipeNode,
  type PortNode,
  type RepartitionNode,
  type StageNode,
} from './nodes.ts'
import type { OperatorSpec } from './operators/safe.ts'
import type { Outlet, PartInput, PartOutput, Plan, PlannedOutput, PlannedStage, Repartition } from './plan.ts'
import type { Pipeline } from './pipeline.ts'
import { type FlowFacts, nothingKnown, type PlanSite, type StageSpec } from './stage-spec.ts'
import { concatMapSpec } from './stages/concat-map.ts'
import { mapAsyncSpec } from './stages/map-async.ts'
import { type Labelled, stepsSpec } from './stages/steps.ts'

/** What a node gives: where it comes out, and what is known of it. */
interface Flow extends FlowFacts {
  readonly outlets: readonly Outlet[]
  /** Only one node takes it: a step may be fused with the one before. */
  readonly sole: boolean
}

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
  /** What comes out of each port of an operator. */
  readonly #gives: Map<StageNode, readonly FlowFacts[]>
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
    this.#gives = new Map()
    this.#inputs = []
    this.#stages = []
    this.#outputs = []
    this.#names = new Names(pipeline, (label) => this.#labelled(label))
    this.#errors = errors
    this.#planning = []
    this.#handlers = new Map()
  }

  plan(): Plan {
    for (const end of this.#ends) {
      const { outlets } = this.#flow(end.input)
      this.#outputs.push({ output: this.#output(end), outlets })
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
      case 'merge':
        return this.#merge(node)
      case 'stage':
        return this.#operator(node)
      case 'port':
        return this.#port(node)
      case 'groupByKey': {
        const flow = this.#flow(node.input)
        if (flow.key !== undefined) return { ...flow, grouped: true, sole: flow.sole && this.#isSole(node) }
        throw this.#invalid(
          'groupByKey after an operator that may have changed the key, or after a source: records of one key may be in several ' +
            'partitions; use keyBy(f, { key: serde }), or mapValues and filter before groupByKey',
        )
      }
      case 'repartition':
        return this.#repartition(node)
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
      return { ...nothingKnown, outlets: this.#outlet(input), sole }
    }
    const [first] = topics
    if (first === undefined) throw this.#invalid('from() needs a topic or a source')
    if (new Set(topics.map((topic) => topic.name)).size < topics.length) throw this.#invalid('from(…) names a topic twice')
    for (const { name } of topics) this.#labelled(`from '${name}'`)
    const outlets = topics.flatMap((topic) => {
      const known = this.#inputs.find((input) => input.kind === 'topic' && input.topic.name === topic.name)
      if (known?.kind === 'topic' && (known.topic.key !== topic.key || known.topic.value !== topic.value)) {
        throw this.#declaredTwice(topic)
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
        spec.kind === 'concatMap' || spec.kind === 'mapAsync'
          ? this.#stage(spec.kind === 'concatMap' ? concatMapSpec(spec, label) : mapAsyncSpec(spec, label), flow.outlets)
          : this.#step({ ...spec, label }, flow)
      // Between the operators of one pipe there is nobody else.
      flow = { ...afterStep(spec, flow), outlets, sole: true }
    }
    return { ...flow, sole: flow.sole && this.#isSole(node) }
  }

  #step(step: Labelled, { outlets, sole }: Flow): readonly Outlet[] {
    const last = this.#stages.find((stage) => outlets.length === 1 && stage === outlets[0]!.from)
    const steps = sole ? last?.spec.steps : undefined
    if (last === undefined || steps === undefined) return this.#stage(stepsSpec([step]), outlets)
    last.spec = stepsSpec([...steps, step])
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

  #operator(node: StageNode): Flow {
    const flows = node.inputs.map((input) => this.#flow(input))
    const { spec, gives } = node.plan(this.#site(flows))
    for (const topic of spec.globals ?? []) this.#global(topic)
    const outlets = this.#stage(spec, ...flows.map((flow) => flow.outlets))
    this.#gives.set(node, gives)
    return { ...gives[0]!, outlets, sole: this.#isSole(node) }
  }

  #global(topic: AnyTopic): void {
    const known = this.#stages.flatMap(({ spec }) => spec.globals ?? []).find(({ name }) => name === topic.name)
    if (known !== undefined && (known.key !== topic.key || known.value !== topic.value)) throw this.#declaredTwice(topic)
  }

  #port(node: PortNode): Flow {
    const { outlets } = this.#flow(node.input)
    const facts = this.#gives.get(node.input)![node.port]!
    return { ...facts, outlets: outlets.map(({ from }) => ({ from, port: node.port })), sole: this.#isSole(node) }
  }

  #repartition(node: RepartitionNode): Flow {
    const flow = this.#flow(node.input)
    const repartition: Repartition = { kind: 'repartition', ...node.plan(this.#site([flow])) }
    const { key, value } = repartition
    this.#outputs.push({ output: repartition, outlets: flow.outlets })
    this.#inputs.push(repartition)
    return { outlets: this.#outlet(repartition), key, value, grouped: true, sole: this.#isSole(node) }
  }

  #output({ output, partitioner }: End): PartOutput {
    if (isSink(output)) return { kind: 'sink', sink: output }
    if (isTopic(output)) return { kind: 'topic', topic: output, partitioner }
    if (output.kind === 'nowhere') return output
    return { ...output, label: this.#names.label('to'), partitioner }
  }

  #site(flows: readonly FlowFacts[]): PlanSite {
    return {
      flows,
      label: (kind) => this.#names.label(kind),
      storeName: (given, kind) => this.#names.of(given, kind),
      invalid: (what) => this.#invalid(what),
    }
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

  #declaredTwice({ name }: AnyTopic): Error {
    return this.#invalid(`the topic '${name}' is declared twice, with other serdes: declare it once and use that`)
  }

  #invalid(what: string): Error {
    return invalid(this.#pipeline, what)
  }
}

/** Operators that keep key and value keep their serdes; others lose what they may change. */
function afterStep(spec: OperatorSpec, flow: Flow): FlowFacts {
  if (spec.kind === 'filter' || spec.kind === 'tap') return flow
  if (spec.kind === 'mapValues') return { ...flow, value: undefined }
  return spec.kind === 'map' && spec.keepsValue === true ? { ...nothingKnown, value: flow.value } : nothingKnown
}
