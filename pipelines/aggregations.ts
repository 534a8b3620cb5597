import type { AggregateNode, AnySerde } from './nodes.ts'
import type { AggregateOptions, Keyed, StateOptions } from './stream-types.ts'

/** An aggregation before it is known what it aggregates. */
export type Aggregation = Omit<AggregateNode, 'input'>

export function aggregateNode<T, A>(options: AggregateOptions<T, A>, merge?: (a: A, b: A) => A): Aggregation {
  return { ...stateNode('aggregate', options), init: options.init, add: options.add, merge }
}

export function countNode(options: StateOptions<number>): Aggregation {
  return { ...stateNode('count', options), init: () => 0, add: (count: number) => count + 1, merge: (a: number, b: number) => a + b }
}

export function reduceNode<V>(add: (value: V, next: V) => V, options: StateOptions<V>): Aggregation {
  return {
    ...stateNode('reduce', options),
    init: undefined,
    add: (value: V, record: Keyed<unknown, V>) => add(value, record.value),
    merge: add,
  }
}

function stateNode<A>(verb: string, { name, state }: StateOptions<A>): Omit<Aggregation, 'init' | 'add' | 'merge'> {
  return { kind: 'aggregate', verb, name, windows: undefined, state: state as AnySerde | undefined }
}
