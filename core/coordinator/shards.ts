import { partitionOf } from './partition-of.ts'

/** What a coordinator keeps of one partition of its topic. */
export interface Shard {
  /** Throws while it cannot answer. */
  check(): void
  close(): void
}

/** The shards of a coordinator, by partition. Each group or transactional id is kept by one of them. */
export class Shards<S extends Shard> implements Iterable<S> {
  readonly #shards: readonly S[]

  constructor(count: number, make: (partition: number) => S) {
    this.#shards = Array.from({ length: count }, (_, partition) => make(partition))
  }

  [Symbol.iterator](): Iterator<S> {
    return this.#shards.values()
  }

  /** The partition that keeps `key`. */
  partitionFor(key: string): number {
    return partitionOf(key, this.#shards.length)
  }

  at(partition: number): S | undefined {
    return this.#shards[partition]
  }

  /** The one that keeps `key`, whether it serves or not. */
  keeping(key: string): S {
    return this.#shards[this.partitionFor(key)]!
  }

  /** The one that keeps `key`. @throws KafkaError while it cannot answer */
  serving(key: string): S {
    const shard = this.keeping(key)
    shard.check()
    return shard
  }

  /** Reads one after the other. */
  async load(read: (shard: S) => void): Promise<void> {
    for (const shard of this.#shards) {
      read(shard)
      // A big log must not keep other requests waiting: let them in between two partitions.
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  close(): void {
    for (const shard of this.#shards) shard.close()
  }
}
