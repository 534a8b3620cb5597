import type { Serde } from '../../core/serde/serde.ts'
import type { Layout } from './disk/layout.ts'
import type { DiskTable } from './disk/table.ts'
import type { Store } from './entry.ts'

/** A store that each task of a stage has. */
export interface StoreSpec<S extends Store = Store> {
  /** Without the application id. */
  readonly name: string
  /** What kind of store it is: the changelog of one kind cannot be read by another. */
  readonly kind: 'key-value' | 'window' | 'timeline'
  /** How it stands on disk. */
  readonly layout: Layout
  readonly key: Serde<unknown>
  readonly value: Serde<unknown>
  /** @param disk where it is kept; undefined: in memory */
  readonly create: (disk?: DiskTable) => S
}
