import { MoldauError } from '../../core/base/errors.ts'
import type { Serde } from '../../core/serde/serde.ts'
import type { TableChange } from '../change.ts'
import { operatorFailed } from '../failure.ts'
import type { AnySerde } from '../nodes.ts'
import { builtOf, nothingKnown, type StagePlan } from '../stage-spec.ts'
import { type KeyId, keyId } from '../state/entry.ts'
import { type Emit, placeOf, type Stage, type StageContext } from './stage.ts'

/** What a change of a row means for one group: a value that has gone, one that has come; null: none. */
export interface Moved {
  readonly gone: unknown
  readonly come: unknown
}

/** Where a row belongs, and what of it counts there. */
export interface Grouped<K, V> {
  readonly key: K
  readonly value: V
}

const GONE = 1
const COME = 2

/** A byte that says what is there, then what has gone with its length, then what has come. */
export function movedSerde(value: AnySerde): Serde<Moved> {
  return {
    name: `moved ${value.name}`,
    serialize({ gone, come }) {
      const goneBytes = gone === null ? EMPTY : value.serialize(gone)
      const comeBytes = come === null ? EMPTY : value.serialize(come)
      const head = Buffer.alloc(5)
      head[0] = (gone === null ? 0 : GONE) | (come === null ? 0 : COME)
      head.writeUInt32BE(goneBytes.length, 1)
      return Buffer.concat([head, goneBytes, comeBytes])
    },
    deserialize(buffer, start, end) {
      const length = end - start < 5 ? -1 : buffer.readUInt32BE(start + 1)
      if (length < 0 || start + 5 + length > end) {
        throw new MoldauError('SERDE_FAILED', `${end - start} bytes are no change of a row: another program wrote them`)
      }
      const flags = buffer[start]!
      const middle = start + 5 + length
      const gone = (flags & GONE) === 0 ? null : value.deserialize(buffer, start + 5, middle)
      const come = (flags & COME) === 0 ? null : value.deserialize(buffer, middle, end)
      return { gone, come }
    },
  }
}

const EMPTY = Buffer.alloc(0)

type Select = (value: unknown, key: unknown) => Grouped<unknown, unknown> | null

/**
 * The changes of a table as they concern groups: one for both when a row stays where it is, else one for the group that it leaves and one for the
 * group that it comes to, in this order. As Kafka Streams' KTableRepartitionMap (KIP-904).
 */
export function regroup(select: (value: never, key: never) => Grouped<unknown, unknown> | null, key: AnySerde): StagePlan {
  return (site) => {
    const label = site.label('groupBy')
    return {
      spec: {
        label,
        pure: true,
        build: ({ next, context }) => builtOf(new RegroupStage(label, select as Select, (each) => keyId(each, key), next(), context)),
      },
      gives: [nothingKnown],
    }
  }
}

export class RegroupStage implements Stage {
  readonly process: Emit

  constructor(label: string, select: Select, idOf: (key: unknown) => KeyId, next: Emit, context: StageContext) {
    const place = placeOf(context, label)
    this.process = (item, origin) => {
      const { key, value, previous, timestamp } = item as TableChange
      let gone: Grouped<unknown, unknown> | null
      let come: Grouped<unknown, unknown> | null
      let together: boolean
      try {
        gone = previous === null ? null : placed(select(previous, key))
        come = value === null ? null : placed(select(value, key))
        together = gone !== null && come !== null && idOf(gone.key) === idOf(come.key)
      } catch (error) {
        throw operatorFailed(place, origin, error)
      }
      if (together) return next({ key: come!.key, value: { gone: gone!.value, come: come!.value }, timestamp }, origin)
      if (gone !== null) next({ key: gone.key, value: { gone: gone.value, come: null }, timestamp }, origin)
      if (come !== null) next({ key: come.key, value: { gone: null, come: come.value }, timestamp }, origin)
    }
  }

  complete(): void {}

  reset(): void {}

  seed(): void {}
}

/** A row without a key or a value belongs to no group. */
function placed(grouped: Grouped<unknown, unknown> | null): Grouped<unknown, unknown> | null {
  if (grouped === null || grouped.key === null || grouped.key === undefined) return null
  return grouped.value === null || grouped.value === undefined ? null : grouped
}
