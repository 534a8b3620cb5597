import type { AnySerde } from '../../nodes.ts'
import type { Store } from '../entry.ts'
import type { StoreSpec } from '../store-spec.ts'

/** The type of keys that a store takes over from the stream; there is no such value. */
declare const streamKey: unique symbol
export type StreamKey = typeof streamKey

/** The key of a store that is declared with `K`, in a processor of records of type `T`. */
export type StoreKey<K, T> = [K] extends [StreamKey] ? (T extends { readonly key: infer Own } ? NonNullable<Own> : never) : K

/** What a processor says of a store before it runs. Made by {@link keyValue}, {@link windowed} and {@link timeline}. */
export interface StoreDeclaration {
  /** Names store and changelog, so that they stay the same when the declaration changes. */
  readonly name: string | undefined
  /** Not for users. undefined: as those of the stream. */
  readonly keySerde: AnySerde | undefined
  /** Not for users: the store of each task. */
  spec(name: string, key: AnySerde): StoreSpec
  /** Not for users: what the processor sees of it. */
  open(store: Store, key: AnySerde, access: Access): object
}

export type StoreDeclarations = Readonly<Record<string, StoreDeclaration>>

/** Who looks into a store, and when. */
export interface Access {
  /** @throws OPERATOR_UNSAFE when it is not this processor's turn */
  check(): void
  /** Time of the record that is processed. */
  readonly timestamp: number
  /** How far event time has come. */
  readonly now: number
}
