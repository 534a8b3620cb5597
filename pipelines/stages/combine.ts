import type { Aggregation } from '../aggregations.ts'

/** From the value so far (undefined: none) and the item to the new value. */
export type Combine = (value: unknown, item: unknown) => unknown

/** The aggregation as one function for each of its ports. */
export function combiners({ init, adds }: Pick<Aggregation, 'init' | 'adds'>): Combine[] {
  return (adds as readonly Combine[]).map((add) => {
    if (init === undefined) return (value, item) => (value === undefined ? (item as { value: unknown }).value : add(value, item))
    return (value, item) => add(value === undefined ? init() : value, item)
  })
}
