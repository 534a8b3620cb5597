import { TableChange } from '../change.ts'
import { operatorFailed } from '../failure.ts'
import { keysOf, type StagePlan, type TableView, withoutKeys } from '../stage-spec.ts'
import { joinName, type Joiner, type JoinKind, type LooseJoiner } from './joiner.ts'
import { type Emit, placeOf, type Stage, type StageContext } from './stage.ts'

/** A table of what two tables have for a key. */
export function joinTables(how: JoinKind, joiner: Joiner): StagePlan {
  return (site) => {
    const label = site.label(joinName(how))
    const [left] = site.flows
    if (left!.key === undefined) throw withoutKeys(site, label)
    const result = resultOf(how, joiner)
    return {
      spec: {
        label,
        pure: true,
        view: ({ view }) => joinedView(result, [view(0), view(1)]),
        build: ({ view, next, context }) => {
          const stage = new TableJoinStage(label, result, [view(0), view(1)], next(), context)
          return { stage, ports: [stage.left, stage.right] }
        },
      },
      gives: [keysOf(left!)],
    }
  }
}

/**
 * Two tables of the same keys, as Kafka Streams' KTable joins: a change on either side gives a change of the result, with the later time of
 * the two. It keeps nothing: both sides are there to be looked into.
 */
export class TableJoinStage implements Stage {
  readonly left: Emit
  readonly right: Emit

  constructor(label: string, result: LooseJoiner, views: readonly [TableView, TableView], next: Emit, context: StageContext) {
    const place = placeOf(context, label)
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
function joinedView(result: LooseJoiner, [left, right]: readonly [TableView, TableView]): TableView {
  return (key) => {
    const [l, r] = [left(key), right(key)]
    const value = result(l?.value ?? null, r?.value ?? null, key)
    return value === null ? undefined : { value, timestamp: Math.max(l?.timestamp ?? -1, r?.timestamp ?? -1) }
  }
}

function resultOf(how: JoinKind, joiner: Joiner): LooseJoiner {
  const join = joiner as LooseJoiner
  return (left, right, key) => {
    if (left === null && (how !== 'outer' || right === null)) return null
    if (right === null && how === 'inner') return null
    return join(left, right, key) ?? null
  }
}
