import type { AnySerde } from '../nodes.ts'
import type { AnyPartitioner } from '../partitioning.ts'
import type { RepartitionPlan } from '../stage-spec.ts'
import type { RepartitionOptions } from '../stream-types.ts'

export interface RepartitionOf {
  readonly name: string | undefined
  /** Serdes of what is written; default: those of what flows in, where they are known. */
  readonly key: AnySerde | undefined
  readonly value: AnySerde | undefined
  readonly partitions: number | undefined
  readonly partitioner: AnyPartitioner | undefined
}

/** As it stands in a declaration. */
export function repartitionOf<K, V>(given: RepartitionOptions<K, V>): RepartitionOf {
  const { name, key, value, partitions, partitioner } = given
  return {
    name,
    key: key as AnySerde | undefined,
    value: value as AnySerde | undefined,
    partitions,
    partitioner: partitioner as AnyPartitioner | undefined,
  }
}

/** The records get another key, and those of one key come together. */
export function keyBy(select: (item: never) => unknown, of: RepartitionOf): RepartitionPlan {
  return planned('keyBy', 'keyBy(f, { key, value })', select, of)
}

/** The records keep their key, and those of one key come together, in other partitions. */
export function repartition(of: RepartitionOf): RepartitionPlan {
  return planned('repartition', 'repartition({ key, value })', ({ key }: { key: unknown }) => key, of)
}

function planned(kind: string, remedy: string, select: (item: never) => unknown, of: RepartitionOf): RepartitionPlan {
  return (site) => {
    const [flow] = site.flows
    const name = `${site.storeName(of.name, kind)}-repartition`
    const { key = flow!.key, value = flow!.value, partitions, partitioner } = of
    const missing = key === undefined ? 'keys' : 'values'
    if (key === undefined || value === undefined) {
      throw site.invalid(`${kind} needs the serde of the ${missing}, since an operator before it has changed them: ${remedy}`)
    }
    return { name, label: site.label(kind), select, key, value, partitions, partitioner }
  }
}
