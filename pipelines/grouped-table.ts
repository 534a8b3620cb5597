import type { Declaring } from './flow.ts'
import type { AnySerde, Node } from './nodes.ts'
import { aggregateTable, type TableAggregation } from './stages/table-aggregate.ts'
import type { StateOptions, TableAggregateOptions, WithSerde } from './stream-types.ts'
import type { Table } from './table.ts'

/**
 * A table, with its rows grouped by something that is worked out of them. A row that changes is taken out of the group where it was and added to the
 * one where it is, so that each group is always what its rows are.
 */
export class GroupedTable<K, V> {
  readonly #declaring: Declaring
  readonly #node: Node

  /** Not for users: it comes from {@link Table.groupBy}. */
  constructor(declaring: Declaring, node: Node) {
    this.#declaring = declaring
    this.#node = node
  }

  /** How many rows each group has; 0 when the last one has gone. Kafka Streams' `KGroupedTable.count`. */
  count(options: StateOptions<number> = {}): Table<K, number> {
    const { name, state } = options
    return this.#aggregated({
      verb: 'count',
      name,
      state: state as AnySerde | undefined,
      init: () => 0,
      add: (count: number) => count + 1,
      subtract: (count: number) => count - 1,
    })
  }

  /**
   * One value per group. Kafka Streams' `KGroupedTable.aggregate`.
   *
   * ```ts
   * cities.groupBy((city) => ({ key: city.country, value: city.people }), { key: string, value: int64 })
   *   .aggregate({ init: () => 0, add: (sum, people) => sum + people, subtract: (sum, people) => sum - people })
   * ```
   */
  aggregate<A>(options: TableAggregateOptions<K, V, A> & WithSerde<A>): Table<K, A> {
    const { name, state, init, add, subtract } = options
    return this.#aggregated({ verb: 'aggregate', name, state: state as AnySerde | undefined, init, add, subtract })
  }

  /**
   * Combines the values of a group; the first one is the beginning. Kafka Streams' `KGroupedTable.reduce`.
   *
   * @param subtract takes a value out again; null: nothing is left
   */
  reduce(add: (value: V, next: V) => V, subtract: (value: V, gone: V) => V | null, options: StateOptions<V> = {}): Table<K, V> {
    const { name, state } = options
    return this.#aggregated({ verb: 'reduce', name, state: state as AnySerde | undefined, init: undefined, add, subtract })
  }

  #aggregated<A>(aggregation: TableAggregation): Table<K, A> {
    return this.#declaring.table({ kind: 'stage', inputs: [this.#node], plan: aggregateTable(aggregation) })
  }
}
