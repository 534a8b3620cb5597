import { MoldauError } from '../../base/errors.ts'
import type { Node } from './parse.ts'
import type { Program, Step } from './program.ts'

/** Steps of one program: what an expression may cost per character of a name. */
const STEPS_MAX = 20_000

/** From what an expression says to the steps that match it, built from its end to its beginning. */
export function compile(node: Node): Program {
  const steps: Step[] = [{ kind: 'match' }]
  const start = build(node, 0, steps)
  return { steps, start }
}

/** Adds the steps of a node that goes on with `next`; answers the first of them. */
function build(node: Node, next: number, steps: Step[]): number {
  switch (node.kind) {
    case 'char':
      return add(steps, { kind: 'char', set: node.set, next })
    case 'assert':
      return add(steps, { kind: 'assert', what: node.what, next })
    case 'all':
      return node.nodes.reduceRight((after, each) => build(each, after, steps), next)
    case 'any':
      return node.nodes
        .map((each) => build(each, next, steps))
        .reduceRight((rest, start) => add(steps, { kind: 'split', nexts: [start, rest] }))
    case 'repeat': {
      let start = next
      if (node.max === Infinity) {
        // The loop is known before what is looped over: the place is kept.
        const loop = add(steps, { kind: 'match' })
        steps[loop] = { kind: 'split', nexts: [build(node.node, loop, steps), next] }
        start = loop
      } else {
        for (let i = node.min; i < node.max; i++) start = add(steps, { kind: 'split', nexts: [build(node.node, start, steps), next] })
      }
      for (let i = 0; i < node.min; i++) start = build(node.node, start, steps)
      return start
    }
  }
}

function add(steps: Step[], step: Step): number {
  if (steps.length >= STEPS_MAX)
    throw new MoldauError('INVALID_ARGUMENT', `error parsing regexp: more than ${STEPS_MAX} steps: make it shorter`)
  return steps.push(step) - 1
}
