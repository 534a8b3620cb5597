import { closeSync, fsyncSync, openSync, statfsSync } from 'node:fs'
import { join } from 'node:path'
import { MoldauError, messageOf } from '../../../core/base/errors.ts'
import type { StoreSpec } from '../store-spec.ts'
import { type Engine, type Environment, openEnvironment, openMap, type Ordered } from './engine.ts'
import { DiskTable } from './table.ts'

/** What is known of a store on disk. */
export interface Held {
  /** Id of the changelog's topic: one that was deleted and made again holds other records. */
  readonly topicId: string
  /** Every record of the changelog before this offset is in it. */
  readonly offset: number
  /** When that was so, in milliseconds since 1970. */
  readonly at: number
  /** How it stands there: {@link shapeOf}. */
  readonly shape: string
  /** Behind the greatest number of a record of a timeline. */
  readonly nextSeq: number
}

/** Below so much free space nothing is written any more, in bytes: what is written through memory cannot be refused later. */
const FREE_BYTES_MIN = 64 * 1024 * 1024
/** A page for each change, and those above it. */
const CHANGE_BYTES = 2 * 4096

/** The stores of one task on disk. What they change is written in one step, with how far in their changelogs that is. */
export class TaskFolder {
  readonly path: string
  readonly #environment: Environment
  readonly #known: Ordered
  readonly #tables: Map<string, DiskTable>
  readonly #held: Map<string, Held>
  readonly #budget: () => number

  /**
   * @param path where the files of lmdb are
   * @param budget bytes of memory that a store may take
   */
  constructor(engine: Engine, path: string, budget: () => number) {
    this.path = path
    this.#environment = openEnvironment(engine, path)
    this.#known = openMap(this.#environment, 'known')
    this.#tables = new Map()
    this.#held = new Map()
    this.#budget = budget
    for (const { key, value } of this.#known.getRange({})) this.#held.set(String(key), JSON.parse(String(value)) as Held)
  }

  /** What is known of a store; undefined: there is nothing of it. */
  held(store: string): Held | undefined {
    return this.#held.get(store)
  }

  /** Says how far a store is; written with the next {@link TaskFolder.write}. */
  hold(store: string, held: Omit<Held, 'nextSeq'>): void {
    this.#held.set(store, { ...held, nextSeq: this.#held.get(store)?.nextSeq ?? 0 })
  }

  table({ name, layout }: StoreSpec): DiskTable {
    let table = this.#tables.get(name)
    if (table === undefined) {
      const times = layout.placeBytes === 12 ? openMap(this.#environment, `times ${name}`) : undefined
      const nextSeq = this.#held.get(name)?.nextSeq ?? 0
      table = new DiskTable(layout, openMap(this.#environment, `rows ${name}`), times, nextSeq, this.#budget)
      this.#tables.set(name, table)
    }
    return table
  }

  /** Changes that wait to be written. */
  get waiting(): number {
    let waiting = 0
    for (const table of this.#tables.values()) waiting += table.waiting
    return waiting
  }

  /**
   * Writes what the stores have changed, and how far they are.
   *
   * @throws STORAGE_FAILED when the disk is full or fails: then nothing of it is written
   */
  write(): void {
    try {
      this.#checkSpace()
      this.#environment.transactionSync(() => {
        for (const table of this.#tables.values()) table.write()
        for (const [store, held] of this.#held) this.#writeHeld(store, held)
      })
    } catch (cause) {
      const what = `the state in ${this.path} could not be written: ${messageOf(cause)}. Nothing is lost, it is in the changelogs`
      throw new MoldauError('STORAGE_FAILED', what, { cause })
    }
    this.drop()
  }

  /** Removes a store that is to be read anew from its changelog, in one step with what was known of it. Call it before the store is made. */
  forget(spec: StoreSpec): void {
    const table = this.table(spec)
    this.#environment.transactionSync(() => {
      table.clear()
      this.#known.removeSync(Buffer.from(spec.name))
    })
    this.#held.delete(spec.name)
  }

  /** Forgets what waits to be written. */
  drop(): void {
    for (const table of this.#tables.values()) table.drop()
  }

  /** Closes the files when everything in them is on the disk. */
  async close(): Promise<void> {
    await this.#environment.close()
    const file = openSync(join(this.path, 'data.mdb'), 'r+')
    try {
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
  }

  #writeHeld(store: string, held: Held): void {
    const nextSeq = this.#tables.get(store)?.nextSeq ?? held.nextSeq
    this.#known.putSync(Buffer.from(store), Buffer.from(JSON.stringify({ ...held, nextSeq })))
  }

  #checkSpace(): void {
    const { bavail, bsize } = statfsSync(this.path)
    const needed = FREE_BYTES_MIN + this.waiting * CHANGE_BYTES
    if (bavail * bsize < needed) throw new Error(`${Math.floor((bavail * bsize) / 1e6)} MB are free, ${Math.ceil(needed / 1e6)} are needed`)
  }
}
