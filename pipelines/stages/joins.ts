import { TableChange } from '../change.ts'
import { operatorFailed } from '../failure.ts'
import type { LookupSpec, TableJoinSpec } from '../plan.ts'
import { withValue } from '../record.ts'
import { keyOf } from './key-of.ts'
import { type Emit, placeOf, type Stage, type StageContext } from './stage.ts'
import type { TableView } from './views.ts'

type LooseJoiner = (left: unknown, right: unknown, key: unknown) => unknown

/**
 * Two tables of the same keys, as Kafka Streams' KTable joins: a change on either side gives a change of the result, with the later time of
 * the two. It keeps nothing: both sides are there to be looked into.
 */
export class TableJoinStage implements Stage {
  readonly left: Emit
  readonly right: Emit

  constructor(spec: TableJoinSpec, views: readonly [TableView, TableView], next: Emit, context: StageContext) {
    const place = placeOf(context, spec.label)
    const result = resultOf(spec)
    const side = (other: TableView, join: (own: unknown, others: unknown, key: unknown) => unknown): Emit => {
      return (item, origin) => {
        const { key, value, previous, timestamp } = item as TableChange
        let change: TableChange
        try {
          const found = other(key)
          const others = found?.value ?? null
          const time = Math.max(timestamp, found?.timestamp ?? -1)
          change = new TableChange(key, join(value, others, key), join(previous, others, key), time)
        } catch (error) {
          throw operatorFailed(place, origin, error)
        }
        if (change.value !== null || change.previous !== null) next(change, origin)
      }
    }
    this.left = side(views[1], result)
    this.right = side(views[0], (own, others, key) => result(others, own, key))
  }

  complete(): void {}

  reset(): void {}

  seed(): void {}
}

/** What the joined table has for a key, made when it is asked. */
export function joinedView(spec: TableJoinSpec, [left, right]: readonly [TableView, TableView]): TableView {
  const result = resultOf(spec)
  return (key) => {
    const [l, r] = [left(key), right(key)]
    const value = result(l?.value ?? null, r?.value ?? null, key)
    return value === null ? undefined : { value, timestamp: Math.max(l?.timestamp ?? -1, r?.timestamp ?? -1) }
  }
}

function resultOf({ how, joiner }: TableJoinSpec): LooseJoiner {
  const join = joiner as LooseJoiner
  return (left, right, key) => {
    if (left === null && (how !== 'outer' || right === null)) return null
    if (right === null && how === 'inner') return null
    return join(left, right, key) ?? null
  }
}

/** Each record of a stream with what the table has for its key now. The result has the time of the record. */
export class LookupStage implements Stage {
  readonly process: Emit

  constructor(spec: LookupSpec, view: TableView, next: Emit, context: StageContext) {
    const place = placeOf(context, spec.label)
    const join = spec.joiner as LooseJoiner
    this.process = (item, origin) => {
      const key = keyOf(item, origin, place)
      let value: unknown
      try {
        const found = view(key)
        if (found === undefined && spec.how === 'inner') return
        value = join((item as { value: unknown }).value, found?.value ?? null, key)
      } catch (error) {
        throw operatorFailed(place, origin, error)
      }
      next(withValue(item as { value: unknown }, value), origin)
    }
  }

  complete(): void {}

  reset(): void {}

  seed(): void {}
}
