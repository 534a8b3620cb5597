/**
 * Writes state until it is killed: `node state-writer.ts <directory> <task>`. Each change gives all keys the same number, which is also the offset
 * that the folder says it holds; a number on standard output is one that is written.
 */
import { int32, string } from '../../core/serde/primitives.ts'
import type { Serde } from '../../core/serde/serde.ts'
import { loadEngine } from '../../pipelines/state/disk/engine.ts'
import { shapeOf } from '../../pipelines/state/disk/resume.ts'
import { StateDirectory } from '../../pipelines/state/disk/state-directory.ts'
import { keyValueStore } from '../../pipelines/state/key-value-store.ts'

export const KEYS = 300
export const spec = keyValueStore('numbers', string as Serde<unknown>, int32 as Serde<unknown>)

async function write(path: string, task: string): Promise<never> {
  const directory = await StateDirectory.open(loadEngine(), path)
  const folder = await directory.folder(task, () => 1)
  const table = folder.table(spec)
  const store = spec.create(table)
  for (let n = (folder.held(spec.name)?.offset ?? 0) + 1; ; n++) {
    for (let k = 0; k < KEYS; k++) store.put(store.entry(`key ${k}`), n, n)
    store.writeChanges((...change) => table.stage(...change))
    folder.hold(spec.name, { topicId: 'id', offset: n, at: n, shape: shapeOf(spec) })
    folder.write()
    store.commit()
    process.stdout.write(`${n}\n`)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

if (import.meta.main) await write(process.argv[2]!, process.argv[3]!)
