import type { AggregateSpec } from '../plan.ts'

/** The aggregation as one function: from the value so far (undefined: none) and the item to the new value. */
export function combiner(spec: AggregateSpec): (value: unknown, item: unknown) => unknown {
  const add = spec.add as (value: unknown, item: unknown) => unknown
  const { init } = spec
  if (init === undefined) return (value, item) => (value === undefined ? (item as { value: unknown }).value : add(value, item))
  return (value, item) => add(value === undefined ? init() : value, item)
}
