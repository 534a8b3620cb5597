import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { loadEngine } from '../../pipelines/state/disk/engine.ts'
import type { Held, TaskFolder } from '../../pipelines/state/disk/folder.ts'
import { type ChangelogNow, resume, shapeOf } from '../../pipelines/state/disk/resume.ts'
import { StateDirectory } from '../../pipelines/state/disk/state-directory.ts'
import { seededNumbers } from '../support/seeded-numbers.ts'
import { tempDir } from '../support/start-broker.ts'
import { KEYS, spec } from '../support/state-writer.ts'

const engine = loadEngine()
/** A dot and a dash, as names of pipelines have them. */
const TASK = 'orders.by-day-0'
const budget = (): number => 1

/** Writes one value for one key. */
function put(folder: TaskFolder, value: number): void {
  const table = folder.table(spec)
  const store = spec.create(table)
  store.put(store.entry('a'), value, value)
  store.writeChanges((...change) => table.stage(...change))
  folder.hold(spec.name, { topicId: 'id', offset: value, at: value, shape: shapeOf(spec) })
  folder.write()
  store.commit()
}

const values = (folder: TaskFolder): unknown[] => Array.from(spec.create(folder.table(spec)).entries(), ({ value }) => value)

function startWriter(t: ExecutionContext, path: string): ChildProcess {
  const program = fileURLToPath(import.meta.resolve('../support/state-writer.ts'))
  const child = spawn(process.execPath, [program, path, TASK], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
  return child
}

/** Resolves with the last number that it said was written, after so many of them and a kill. */
async function killedAfter(child: ChildProcess, count: number): Promise<number> {
  let last = 0
  let seen = 0
  const lines = createInterface({ input: child.stdout! })
  for await (const line of lines) {
    last = Number(line)
    if (++seen === count) child.kill('SIGKILL')
  }
  return last
}

test('killed while it writes, a folder holds all keys of one change, and the offset of just that change', async (t) => {
  t.timeout(120_000)
  const path = await tempDir(t)
  const random = seededNumbers(11)
  for (let round = 0; round < 6; round++) {
    const child = startWriter(t, path)
    const written = await killedAfter(child, 2 + Math.floor(random() * 150))
    const directory = await StateDirectory.open(engine, path)
    const folder = await directory.folder(TASK, budget)
    const { offset } = folder.held(spec.name)!
    t.true(offset === written || offset === written + 1, `${offset} after ${written}`)
    t.deepEqual(
      values(folder),
      Array.from({ length: KEYS }, () => offset),
    )
    await directory.close()
  }
})

test('a directory is of one process; the second is told which', async (t) => {
  const path = await tempDir(t)
  const child = startWriter(t, path)
  await once(child.stdout!, 'data')
  await t.throwsAsync(StateDirectory.open(engine, path), {
    code: 'DIRECTORY_UNUSABLE',
    message: new RegExp(`process ${child.pid} is using it`),
  })
  const ended = once(child, 'exit')
  child.stdout!.resume()
  child.kill('SIGKILL')
  await ended
  await (await StateDirectory.open(engine, path)).close()
})

test('a folder that was not closed is kept under the same start of the machine and emptied under another', async (t) => {
  const path = await tempDir(t)
  const first = await StateDirectory.open(engine, path, { boot: 'boot 1' })
  put(await first.folder(TASK, budget), 1)
  await first.close()

  const second = await StateDirectory.open(engine, path, { boot: 'boot 2' })
  const kept = await second.folder(TASK, budget)
  t.deepEqual(values(kept), [1], 'closed in order: the start of the machine does not matter')
  await second.close()

  // As a machine that went down leaves it: the mark is there.
  await writeFile(join(path, TASK, 'open'), 'boot 2')
  const third = await StateDirectory.open(engine, path, { boot: 'boot 2' })
  t.deepEqual(values(await third.folder(TASK, budget)), [1])
  await third.close()

  for (const boot of ['boot 3', undefined]) {
    await writeFile(join(path, TASK, 'open'), 'boot 2')
    const later = await StateDirectory.open(engine, path, { boot })
    const folder = await later.folder(TASK, budget)
    t.is(folder.held(spec.name), undefined)
    t.deepEqual(values(folder), [])
    put(folder, 2)
    await later.close()
  }
})

test('a folder whose file is cut off or no database is emptied', async (t) => {
  const path = await tempDir(t)
  const first = await StateDirectory.open(engine, path)
  put(await first.folder(TASK, budget), 1)
  await first.close()
  const file = join(path, TASK, 'data.mdb')
  const whole = await readFile(file)
  const open = async (content: Buffer): Promise<unknown[]> => {
    await writeFile(file, content)
    const directory = await StateDirectory.open(engine, path)
    const folder = await directory.folder(TASK, budget)
    const found = values(folder)
    put(folder, 2)
    t.deepEqual(values(folder), [2])
    await directory.close()
    return found
  }
  t.deepEqual(await open(whole), [1])
  const page = 4096
  const torn = [0, 10, page, page + 100, 2 * page, 3 * page].map((size) => whole.subarray(0, size))
  const otherHead = Buffer.from(whole).fill(7, page, 2 * page)
  for (const content of [...torn, otherHead, Buffer.alloc(64 * 1024, 'no database '), Buffer.alloc(64 * 1024)]) {
    t.deepEqual(await open(content), [], `${content.length} bytes`)
  }
})

test('a directory with something else in it, or of another version, is refused and left as it is', async (t) => {
  const path = await tempDir(t)
  await writeFile(join(path, 'thesis.txt'), 'years of work')
  await t.throwsAsync(StateDirectory.open(engine, path), {
    code: 'DIRECTORY_UNUSABLE',
    message: /'thesis.txt' in it is not of moldau's state/,
  })
  t.deepEqual(await readdir(path), ['thesis.txt'])
  const other = await tempDir(t)
  await writeFile(join(other, 'moldau-state'), 'state of moldau pipelines, format 2\n')
  await t.throwsAsync(StateDirectory.open(engine, other), { code: 'DIRECTORY_UNUSABLE', message: /another version of moldau/ })
  t.deepEqual(await readdir(other), ['moldau-state'])
})

test('a store is forgotten with what was known of it, and the others stay', async (t) => {
  const path = await tempDir(t)
  const directory = await StateDirectory.open(engine, path)
  const folder = await directory.folder(TASK, budget)
  put(folder, 1)
  const other = { ...spec, name: 'other' }
  folder.table(other).stage(Buffer.from('b'), Buffer.from([0, 0, 0, 7]), 7)
  folder.hold('other', { topicId: 'id', offset: 7, at: 7, shape: shapeOf(other) })
  folder.write()
  folder.forget(spec)
  await directory.give(TASK)
  const again = await directory.folder(TASK, budget)
  t.is(again.held(spec.name), undefined)
  t.deepEqual(values(again), [])
  t.is(again.held('other')?.offset, 7)
  t.is(again.table(other).size, 1)
  await directory.close()
})

const held: Held = { topicId: 'id', offset: 50, at: 1000, shape: shapeOf(spec), nextSeq: 0 }
const now: ChangelogNow = { topicId: 'id', begin: 0, end: 100, at: 1500, deleteRetentionMs: 1000, shape: shapeOf(spec) }

test('a store on disk is read on from its offset as long as its changelog can tell all that has changed since', (t) => {
  t.deepEqual(resume(held, now), { from: 50 })
  t.deepEqual(resume(held, { ...now, begin: 50 }), { from: 50 })
  t.deepEqual(resume(held, { ...now, end: 50 }), { from: 50 })
  const anew = (what: RegExp, h: Held | undefined, n: ChangelogNow): void => {
    const answer = resume(h, n)
    t.regex('anew' in answer ? answer.anew : '', what)
  }
  anew(/nothing/, undefined, now)
  anew(/made again/, held, { ...now, topicId: 'other' })
  anew(/from 51 to 100/, held, { ...now, begin: 51 })
  anew(/from 0 to 49/, held, { ...now, end: 49 })
  anew(/tombstones/, held, { ...now, at: 1501 })
  anew(/set back/, held, { ...now, at: 999 })
  anew(/declared is window/, held, { ...now, shape: 'window by place 8' })
})
