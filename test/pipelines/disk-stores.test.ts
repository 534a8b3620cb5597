import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import fc from 'fast-check'
import { json, string } from '../../core/serde/primitives.ts'
import type { Serde } from '../../core/serde/serde.ts'
import { loadEngine } from '../../pipelines/state/disk/engine.ts'
import { TaskFolder } from '../../pipelines/state/disk/folder.ts'
import type { Store, Stored } from '../../pipelines/state/entry.ts'
import { type KeyValueStore, keyValueStore } from '../../pipelines/state/key-value-store.ts'
import type { StoreSpec } from '../../pipelines/state/store-spec.ts'
import { type TimelineStore, timelineStore } from '../../pipelines/state/timeline-store.ts'
import { type WindowStore, windowStore } from '../../pipelines/state/window-store.ts'

const engine = loadEngine()
const key = string as Serde<unknown>
const value = json<unknown>() as Serde<unknown>

/** Keys: none, one that begins another, one that is cut and hashed on disk, and its twin in the first 900 bytes. */
const keys = ['', 'a', 'ab', 'x'.repeat(1000), `${'x'.repeat(999)}y`, 'é']

/** A store on disk of which next to nothing stays in memory, beside the same in memory. */
class Pair<S extends Store> {
  memory: S
  disk: S
  readonly #spec: StoreSpec<S>
  /** What a restart in memory reads. */
  readonly #changelog: { readonly key: Buffer; readonly value: Buffer | null; readonly timestamp: number }[]
  readonly #path: string
  #folder: TaskFolder

  constructor(spec: StoreSpec<S>, path: string) {
    this.#spec = spec
    this.#path = path
    this.#changelog = []
    this.memory = spec.create()
    this.#folder = new TaskFolder(engine, path, () => 1)
    this.disk = spec.create(this.#folder.table(spec))
  }

  commit(): { memory: string[]; disk: string[] } {
    const written = (store: Store, take: (key: Buffer, value: Buffer | null, timestamp: number) => void): string[] => {
      const changes: string[] = []
      store.writeChanges((bytes, content, timestamp) => {
        changes.push(`${bytes.toString('hex')} ${content === null ? 'null' : String(content)} ${timestamp}`)
        take(bytes, content, timestamp)
      })
      return changes.sort((a, b) => (a < b ? -1 : 1))
    }
    const table = this.#folder.table(this.#spec)
    const changes = {
      memory: written(this.memory, (bytes, content, timestamp) => void this.#changelog.push({ key: bytes, value: content, timestamp })),
      disk: written(this.disk, (...change) => table.stage(...change)),
    }
    this.#folder.hold(this.#spec.name, { topicId: 'id', offset: 0, at: 0, shape: '' })
    this.#folder.write()
    this.memory.commit()
    this.disk.commit()
    return changes
  }

  rollback(): void {
    this.memory.rollback()
    this.disk.rollback()
  }

  async reopen(): Promise<void> {
    this.rollback()
    this.memory = this.#spec.create()
    for (const record of this.#changelog) this.memory.restore(record.key, record.value, record.timestamp)
    await this.#folder.close()
    this.#folder = new TaskFolder(engine, this.#path, () => 1)
    this.disk = this.#spec.create(this.#folder.table(this.#spec))
  }

  close(): Promise<void> {
    return this.#folder.close()
  }
}

const contents = (store: Store): string[] =>
  [...store.entries()].map((entry: Stored) => JSON.stringify(entry)).sort((a, b) => (a < b ? -1 : 1))

type Step =
  | { readonly what: 'commit' | 'rollback' | 'reopen' }
  | { readonly what: 'op'; readonly key: string; readonly time: number; readonly n: number; readonly kind: number }

const steps = fc.array(
  fc.oneof(
    {
      weight: 12,
      arbitrary: fc.record({
        what: fc.constant('op' as const),
        key: fc.constantFrom(...keys),
        time: fc.integer({ min: -1, max: 6 }),
        n: fc.nat(3),
        kind: fc.nat(4),
      }),
    },
    { weight: 3, arbitrary: fc.record({ what: fc.constant('commit' as const) }) },
    { weight: 1, arbitrary: fc.record({ what: fc.constant('rollback' as const) }) },
    { weight: 1, arbitrary: fc.record({ what: fc.constant('reopen' as const) }) },
  ),
  { maxLength: 60 },
) as fc.Arbitrary<Step[]>

type Op<S> = (store: S, op: Extract<Step, { what: 'op' }>) => unknown

function sameOnDisk<S extends Store>(title: string, spec: StoreSpec<S>, op: Op<S>): void {
  test(`${title} on disk is what it is in memory, whatever is committed, rolled back and opened again`, async (t) => {
    const property = fc.asyncProperty(steps, async (list) => {
      const path = await mkdtemp(join(tmpdir(), 'moldau-state-'))
      const pair = new Pair(spec, path)
      try {
        for (const step of list) {
          if (step.what === 'op') t.deepEqual(op(pair.disk, step), op(pair.memory, step))
          else if (step.what === 'rollback') pair.rollback()
          else if (step.what === 'reopen') await pair.reopen()
          else {
            const { memory, disk } = pair.commit()
            t.deepEqual(disk, memory)
          }
          t.deepEqual(contents(pair.disk), contents(pair.memory))
          if (step.what !== 'op') t.is(pair.disk.size, pair.memory.size)
        }
      } finally {
        await pair.close()
        await rm(path, { recursive: true })
      }
    })
    await fc.assert(property, { numRuns: 100 })
  })
}

sameOnDisk<KeyValueStore>('a key-value store', keyValueStore('s', key, value), (store, { key: k, time, n, kind }) => {
  const found = store.find(k)
  const seen = found === undefined ? null : [found.value, found.timestamp]
  if (kind < 3) store.put(store.entry(k), n, time)
  else if (found !== undefined) store.put(found, undefined, found.timestamp)
  return seen
})

sameOnDisk<WindowStore>('a window store', windowStore('s', key, value), (store, { key: k, time, n, kind }) => {
  if (kind < 3) {
    const entry = store.entry(time, k)
    const seen = entry.value ?? null
    store.put(entry, n, time)
    return seen
  }
  const starts = store.startsUpTo(time)
  return starts
    .map((start) => {
      const entries = store.entriesOf(start)
      const seen = entries.map((entry) => JSON.stringify([entry.key, entry.value])).sort((a, b) => (a < b ? -1 : 1))
      if (kind === 3) for (const entry of entries) store.put(entry, undefined, entry.timestamp)
      // A window with nothing left in it may be told until the epoch is over.
      return seen.length === 0 ? null : [start, seen]
    })
    .filter((each) => each !== null)
})

sameOnDisk<TimelineStore>('a timeline', timelineStore('s', key, value), (store, { key: k, time, n, kind }) => {
  if (kind === 4)
    return Array.from(store.takeUpTo(time - 2), ({ key: taken, timestamp, value: v, matched }) => [taken, timestamp, v, matched])
  const near = [...store.between(k, time - 2, time)]
  const seen = near.map(({ timestamp, value: v, matched }) => [timestamp, v, matched])
  if (kind === 2) for (const one of near) store.match(one)
  if (kind === 3) for (const one of near.slice(0, 1)) store.take(one)
  if (kind < 2) store.add(k, time, n, kind === 1)
  return seen
})
