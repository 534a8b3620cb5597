import type { AnySerde } from './nodes.ts'
import type { AggregateOptions, Keyed, StateOptions } from './stream-types.ts'

/** What becomes of the records of a key, whatever windows they fall into. */
export interface Aggregation {
  /** What it is called in the declaration: aggregate, count, reduce. */
  readonly verb: string
  readonly name: string | undefined
  /** undefined: the first record's value begins (reduce). */
  readonly init: (() => unknown) | undefined
  /** What it does with an item, for each of the streams that flow into it. */
  readonly adds: readonly ((value: never, item: never) => unknown)[]
  /** Of two sessions one. */
  readonly merge: ((first: never, second: never) => unknown) | undefined
  readonly state: AnySerde | undefined
}

export function aggregation<T, A>(options: AggregateOptions<T, A>, merge?: (a: A, b: A) => A): Aggregation {
  return { ...stateOf('aggregate', options), init: options.init, adds: [options.add], merge }
}

export function counting(options: StateOptions<number>): Aggregation {
  return { ...stateOf('count', options), init: () => 0, adds: [(count: number) => count + 1], merge: (a: number, b: number) => a + b }
}

export function reduction<V>(add: (value: V, next: V) => V, options: StateOptions<V>): Aggregation {
  return {
    ...stateOf('reduce', options),
    init: undefined,
    adds: [(value: V, record: Keyed<unknown, V>) => add(value, record.value)],
    merge: add,
  }
}

function stateOf<A>(verb: string, { name, state }: StateOptions<A>): Pick<Aggregation, 'verb' | 'name' | 'state'> {
  return { verb, name, state: state as AnySerde | undefined }
}
