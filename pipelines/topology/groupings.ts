import { MoldauError } from '../../core/base/errors.ts'
import type { ChooseTasks, Grouping } from './graph.ts'
import { hashOf, secondHash } from './hash.ts'
import type { EdgeIds } from './ids.ts'

/** Chooses one of `count` tasks for the values of a tuple. Made for each task that emits. */
export type ChooseOne = (values: never) => number

/** Which tasks of a subscriber get a tuple. */
export type Choice =
  | { readonly kind: 'one'; readonly choose: ChooseOne }
  | { readonly kind: 'all' }
  /** Only what is emitted to them by number. */
  | { readonly kind: 'direct' }
  | { readonly kind: 'several'; readonly choose: (values: never) => readonly number[] }

/** @param count of the tasks that can be chosen */
export function choiceOf(grouping: Grouping, count: number, ids: EdgeIds, where: string): Choice {
  if (grouping.kind === 'all' || grouping.kind === 'direct') return { kind: grouping.kind }
  if (grouping.kind === 'custom') return { kind: 'several', choose: custom(grouping.choose as ChooseTasks, count, where) }
  // One task is all there is to choose from.
  if (count === 1 || grouping.kind === 'global') return { kind: 'one', choose: () => 0 }
  if (grouping.kind === 'fields') return { kind: 'one', choose: byFields(grouping.fields, count) }
  if (grouping.kind === 'partialKey') return { kind: 'one', choose: byPartialKey(grouping.fields, count) }
  return { kind: 'one', choose: inTurn(count, ids) }
}

type Values = Readonly<Record<string, unknown>>

/** Each emitter begins elsewhere, so that many of them with few tuples do not all choose the first task. */
function inTurn(count: number, ids: EdgeIds): ChooseOne {
  let next = ids.below(count)
  return () => {
    const chosen = next
    next = chosen + 1 === count ? 0 : chosen + 1
    return chosen
  }
}

function byFields(fields: readonly string[], count: number): (values: Values) => number {
  return (values) => hashOf(values, fields) % count
}

/** Of the two tasks of a value, the one that this emitter has sent less. */
function byPartialKey(fields: readonly string[], count: number): (values: Values) => number {
  const sent = new Float64Array(count)
  return (values) => {
    const hash = hashOf(values, fields)
    const first = hash % count
    let second = secondHash(hash) % count
    if (second === first) second = (first + 1) % count
    const chosen = sent[first]! <= sent[second]! ? first : second
    sent[chosen]!++
    return chosen
  }
}

function custom(choose: ChooseTasks, count: number, where: string): (values: unknown) => readonly number[] {
  return (values) => {
    const chosen = choose(values, count)
    const tasks = typeof chosen === 'number' ? [chosen] : chosen
    for (const task of tasks) {
      if (Number.isInteger(task) && task >= 0 && task < count) continue
      throw new MoldauError('INVALID_ARGUMENT', `${where}, custom grouping: chose task ${String(task)}; there are 0 to ${count - 1}`)
    }
    return tasks
  }
}
