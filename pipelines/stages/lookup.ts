import { operatorFailed } from '../failure.ts'
import { withValue } from '../record.ts'
import { type StagePlan, type TableView, withoutKeys } from '../stage-spec.ts'
import { joinName, type Joiner, type LooseJoiner } from './joiner.ts'
import { keyOf } from './key-of.ts'
import { type Emit, placeOf, type Stage, type StageContext } from './stage.ts'

/** Each record of a stream with what a table has for its key at that moment. Port 0 takes the stream; port 1 only says which table is looked into. */
export function lookup(how: 'inner' | 'left', joiner: Joiner): StagePlan {
  return (site) => {
    const label = site.label(joinName(how))
    const [stream] = site.flows
    if (stream!.key === undefined) throw withoutKeys(site, label)
    return {
      spec: {
        label,
        pure: true,
        build: ({ view, next, context }) => {
          const stage = new LookupStage(label, how, joiner, view(1), next(), context)
          return { stage, ports: [stage.process, () => undefined] }
        },
      },
      gives: [{ ...stream!, value: undefined }],
    }
  }
}

/** Each record of a stream with what the table has for its key now. The result has the time of the record. */
export class LookupStage implements Stage {
  readonly process: Emit

  constructor(label: string, how: 'inner' | 'left', joiner: Joiner, view: TableView, next: Emit, context: StageContext) {
    const place = placeOf(context, label)
    const join = joiner as LooseJoiner
    this.process = (item, origin) => {
      const key = keyOf(item, origin, place)
      let value: unknown
      try {
        const found = view(key)
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
