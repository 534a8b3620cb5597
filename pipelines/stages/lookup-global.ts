import { operatorFailed } from '../failure.ts'
import type { AnyTopic } from '../nodes.ts'
import { withValue } from '../record.ts'
import { builtOf, type StagePlan, type TableView } from '../stage-spec.ts'
import { joinName, type Joiner, type LooseJoiner } from './joiner.ts'
import { type Emit, placeOf, type Stage, type StageContext } from './stage.ts'

/** Works a key out of a record. */
export type Select = (item: never) => unknown

/** Each record of a stream with what a global table has, at that moment, for the key that is worked out of it. */
export function lookupGlobal(how: 'inner' | 'left', topic: AnyTopic, select: Select, joiner: Joiner): StagePlan {
  return (site) => {
    const label = site.label(joinName(how))
    return {
      spec: {
        label,
        pure: true,
        globals: [topic],
        build: ({ global, next, context }) =>
          builtOf(new GlobalLookupStage(label, how, { select, joiner }, global(topic.name), next(), context)),
      },
      gives: [{ ...site.flows[0]!, value: undefined }],
    }
  }
}

/** As LookupStage; the key is not that of the record, so where the record is does not matter. */
export class GlobalLookupStage implements Stage {
  readonly process: Emit

  constructor(
    label: string,
    how: 'inner' | 'left',
    by: { readonly select: Select; readonly joiner: Joiner },
    view: TableView,
    next: Emit,
    context: StageContext,
  ) {
    const place = placeOf(context, label)
    const select = by.select as (item: unknown) => unknown
    const join = by.joiner as LooseJoiner
    this.process = (item, origin) => {
      let value: unknown
      try {
        const key = select(item) ?? null
        const found = key === null ? undefined : view(key)
        if (found === undefined && how === 'inner') return
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
