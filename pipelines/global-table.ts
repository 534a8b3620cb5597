import type { AnyTopic } from './nodes.ts'

/** Makes global tables of different keys and values different types; there is no such value. */
declare const globalOf: unique symbol

/** A global table of whatever there is, as the compiler tells its keys and values best. */
export interface GlobalTableOf<K, V> {
  readonly [globalOf]: (key: K) => V
}

/**
 * A table that every process has whole: the latest value of each key of a topic, whatever the partitions. Made by `pipeline(name).globalTable(topic)`.
 * Streams look into it by a key that is worked out of each record ({@link Stream.join}); it has no changes of its own. Kafka Streams' `GlobalKTable`.
 */
export class GlobalTable<K, V> implements GlobalTableOf<K, V> {
  declare readonly [globalOf]: (key: K) => V
  /** Not for users: of the pipeline that it was declared with. */
  readonly pipeline: string
  /** Not for users. */
  readonly topic: AnyTopic

  constructor(pipeline: string, topic: AnyTopic) {
    this.pipeline = pipeline
    this.topic = topic
  }
}
