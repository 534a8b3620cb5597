import { invalid } from './failure.ts'
import type { Part, PartInput, PlannedOutput, PlannedStage, Repartition } from './plan.ts'

type Piece = PartInput | PlannedStage | PlannedOutput

/**
 * Cuts a planned pipeline into parts: what is connected without a repartition in between belongs together.
 *
 * @throws PIPELINE_INVALID where records would have to wait for themselves, or a source is mixed with topics
 */
export function cut(
  pipeline: string,
  inputs: readonly PartInput[],
  stages: readonly PlannedStage[],
  outputs: readonly PlannedOutput[],
): Part[] {
  const groups = new Groups<Piece>()
  for (const stage of stages) for (const { from } of stage.ports.flat()) groups.unite(stage, from)
  for (const output of outputs) for (const { from } of output.outlets) groups.unite(output, from)
  const roots = new Set(inputs.map((input) => groups.of(input)))
  const pieces = [...roots].map((root) => ({
    inputs: inputs.filter((input) => groups.of(input) === root),
    stages: stages.filter((stage) => groups.of(stage) === root),
    outputs: outputs.filter((output) => groups.of(output) === root),
  }))
  for (const part of pieces) {
    const source = part.inputs.find((input) => input.kind === 'source')
    if (source === undefined || part.inputs.length === 1) continue
    throw invalid(
      pipeline,
      `the source '${source.source.name}' is brought together with another input, but has no partitions to match: keyBy(…) it first`,
    )
  }
  return sorted(pipeline, pieces).map((part, index) => ({ index, ...part }))
}

/** Writers of repartitions before their readers, otherwise in the order of the declaration. */
function sorted(pipeline: string, parts: readonly Omit<Part, 'index'>[]): Omit<Part, 'index'>[] {
  const written = new Set<Repartition>()
  const done: Omit<Part, 'index'>[] = []
  for (let open = [...parts]; open.length > 0; open = open.filter((part) => !done.includes(part))) {
    const next = open.find((part) => part.inputs.every((input) => input.kind !== 'repartition' || written.has(input)))
    if (next === undefined) {
      const label = open.flatMap((part) => part.inputs).find((input) => input.kind === 'repartition')!.label
      throw invalid(
        pipeline,
        `behind ${label} the stream comes together with what it was made of, and would wait for itself: keyBy(…) the other side too`,
      )
    }
    done.push(next)
    for (const { output } of next.outputs) if (output.kind === 'repartition') written.add(output)
  }
  return done
}

/** Which things belong together (union-find). */
class Groups<T> {
  readonly #parents = new Map<T, T>()

  of(item: T): T {
    let root = item
    for (let parent = this.#parents.get(root); parent !== undefined; parent = this.#parents.get(root)) root = parent
    return root
  }

  unite(a: T, b: T): void {
    const [root, other] = [this.of(a), this.of(b)]
    if (root !== other) this.#parents.set(root, other)
  }
}
