import { Flow, type tableOf, type TableOf } from './flow.ts'
import { GroupedTable } from './grouped-table.ts'
import type { AnySerde, StageNode } from './nodes.ts'
import { joinName, type Joiner, type JoinKind } from './stages/joiner.ts'
import { type Grouped, movedSerde, regroup } from './stages/moved.ts'
import { keyBy } from './stages/repartition.ts'
import { joinTables } from './stages/table-join.ts'
import { filterTable, mapTable } from './stages/table-operators.ts'
import type { Stream } from './stream.ts'
import type { Change, GroupByOptions, Keyed, SameKey } from './stream-types.ts'

/**
 * The latest value of each key, and the stream of its changes: it can be piped, branched, grouped and written like any stream. A change whose
 * value is null says that the key is gone; a topic takes it with `nullable(serde)`.
 */
export class Table<K, V, T extends Keyed<K, V | null> = Change<K, V>> extends Flow<T> {
  declare readonly [tableOf]: (key: K) => V

  /** The table with other values. Kafka Streams' `KTable.mapValues`. */
  mapValues<R>(apply: (value: V, key: K) => R): Table<K, R> {
    return this.declaring.table({ kind: 'stage', inputs: [this.node], plan: mapTable(apply) })
  }

  /** The keys whose value the predicate takes; one that no longer fits is deleted. Kafka Streams' `KTable.filter`. */
  filter(predicate: (value: V, key: K) => boolean): Table<K, V> {
    return this.declaring.table({ kind: 'stage', inputs: [this.node], plan: filterTable(predicate) })
  }

  /** The keys whose value the predicate does not take. Kafka Streams' `KTable.filterNot`. */
  filterNot(predicate: (value: V, key: K) => boolean): Table<K, V> {
    return this.filter((value, key) => !predicate(value, key))
  }

  /**
   * The changes as a stream, in which each stands for itself: a join then means the change, not what the table has. Kafka Streams' `KTable.toStream`;
   * for `pipe`, `to` and all that every flow has it is not needed.
   */
  toStream(): Stream<T> {
    return this.declaring.stream(this.node)
  }

  /** The keys that both tables have; a change of either changes the result. Kafka Streams' `KTable.join`. */
  join<K2, U, R>(other: TableOf<K2, U> & SameKey<K, K2>, joiner: (value: V, otherValue: U, key: K) => R): Table<K, R> {
    return this.#joined('inner', other, joiner)
  }

  /** Every key of this table, with null where the other one does not have it. Kafka Streams' `KTable.leftJoin`. */
  leftJoin<K2, U, R>(other: TableOf<K2, U> & SameKey<K, K2>, joiner: (value: V, otherValue: U | null, key: K) => R): Table<K, R> {
    return this.#joined('left', other, joiner)
  }

  /** Every key of either table, with null where one does not have it. Kafka Streams' `KTable.outerJoin`. */
  outerJoin<K2, U, R>(other: TableOf<K2, U> & SameKey<K, K2>, joiner: (value: V | null, otherValue: U | null, key: K) => R): Table<K, R> {
    return this.#joined('outer', other, joiner)
  }

  /**
   * Groups the rows by a key that is worked out of them, through the topic `<application>-<pipeline>-<name>-repartition`. Rows for which it gives null
   * belong to no group. Kafka Streams' `KTable.groupBy`.
   *
   * ```ts
   * customers.groupBy((customer) => ({ key: customer.city, value: customer.spent }), { key: string, value: int64 }).count()
   * ```
   *
   * @param select throwing fails the epoch with OPERATOR_FAILED naming the record
   */
  groupBy<K2, V2>(select: (value: V, key: K) => Grouped<K2, V2> | null, options: GroupByOptions<K2, V2>): GroupedTable<K2, V2> {
    const { name, partitions } = options
    const [key, value] = [options.key as AnySerde, movedSerde(options.value as AnySerde) as AnySerde]
    const input: StageNode = { kind: 'stage', inputs: [this.node], plan: regroup(select, key) }
    const plan = keyBy(({ key: group }: Grouped<unknown, unknown>) => group, { key, value, name, partitions, partitioner: undefined })
    return new GroupedTable(this.declaring, { kind: 'repartition', input, plan })
  }

  #joined<R>(how: JoinKind, other: Flow<unknown>, joiner: Joiner): Table<K, R> {
    const inputs = this.withBoth(`${joinName(how)}(…)`, other)
    return this.declaring.table({ kind: 'stage', inputs, plan: joinTables(how, joiner) })
  }
}
