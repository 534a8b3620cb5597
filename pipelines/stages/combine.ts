import type { Aggregation } from '../aggregations.ts'

/** The aggregation as one function: from the value so far (undefined: none) and the item to the new value. */
export function combiner({ init, add: given }: Pick<Aggregation, 'init' | 'add'>): (value: unknown, item: unknown) => unknown {
  const add = given as (value: unknown, item: unknown) => unknown
  if (init === undefined) return (value, item) => (value === undefined ? (item as { value: unknown }).value : add(value, item))
  return (value, item) => add(value === undefined ? init() : value, item)
}
