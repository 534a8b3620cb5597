import test from 'ava'
import { LocalFiles } from '../../connectors/hdfs/fs/file.ts'
import { filesOf, readHistory } from '../../connectors/hdfs/ledger/history.ts'
import { chainPaths } from '../../connectors/hdfs/ledger/names.ts'
import { rules } from '../../connectors/hdfs/ledger/rules.ts'
import { messageOf } from '../../core/base/errors.ts'
import { Agent, recordsBetween } from '../support/ledger-agent.ts'
import { RecordingDisk, volatileChanges, type Unsynced } from '../support/ledger-disk.ts'
import { seededNumbers } from '../support/seeded-numbers.ts'

const ROOT = '/lake'
/** Up to so many lost changes every subset is tried; beyond, so many random ones. */
const ALL_SUBSETS_MAX = 8

/** Commits, a checkpoint, an owner that dies, another one that goes on; `acknowledged` is noted when it is told. */
async function life(unsynced: Unsynced): Promise<RecordingDisk> {
  const disk = new RecordingDisk(unsynced)
  for (const [seed, nexts] of [
    [1, [3, 6]],
    [2, [9, 12]],
  ] as const) {
    const agent = new Agent(new LocalFiles(ROOT, disk), seed, {
      checkpointEvery: 3,
      report: ({ offset, metadata }) => disk.note({ offset, seq: (JSON.parse(metadata) as { seq: string }).seq }),
    })
    await agent.start()
    for (const next of nexts) await agent.commit(next)
  }
  return disk
}

/** Starts again on what is left; undefined: nothing that was acknowledged is lost, and each record is there once. */
async function afterLoss(disk: RecordingDisk, acknowledged: number): Promise<string | undefined> {
  const fs = new LocalFiles(ROOT, disk)
  const agent = new Agent(fs, 99)
  try {
    await agent.start()
    if (agent.position < acknowledged) return `LOSS: ${acknowledged} was acknowledged, and the ledger ends at ${agent.position}`
    await agent.commit(agent.position + 3)
    const context = { fs, paths: chainPaths('archive', 'flights', 0), topic: 'flights', partition: 0, rules }
    const files = filesOf(await readHistory(context, undefined))
    const seen: number[] = []
    for (const { file } of files.values()) {
      const content = await fs.read(file.path)
      if (content === undefined) return `LOSS: ${file.path} is not in its place`
      if (content.length !== file.bytes) return `LOSS: ${file.path} is torn`
      seen.push(...(JSON.parse(content.toString()) as number[]))
    }
    const visible = [...disk.names.keys()].filter((path) => !path.startsWith(`${ROOT}/_`))
    if (visible.length !== files.size) return 'a file is visible that no entry names'
    const expected = recordsBetween(0, agent.position).join()
    return seen.toSorted((a, b) => a - b).join() === expected ? undefined : `not each record once: ${seen.join()}`
  } catch (error) {
    return messageOf(error)
  }
}

/** Cuts the power after every operation and loses every subset of what was not synced. */
async function cutEverywhere(disk: RecordingDisk, faultsMax = Infinity): Promise<{ cases: number; faults: string[] }> {
  const random = seededNumbers(29)
  const faults = new Set<string>()
  let cases = 0
  let acknowledged = 0
  for (let cut = 1; cut <= disk.log.length && faults.size < faultsMax; cut++) {
    const last = disk.log[cut - 1]!
    if (last.kind === 'note') acknowledged = (last.note as { offset: number }).offset
    if (last.kind === 'sync-file' || last.kind === 'sync-directory') continue
    const log = disk.log.slice(0, cut)
    const losable = volatileChanges(log)
    for (const lost of subsets(losable, random)) {
      cases++
      const fault = await afterLoss(
        RecordingDisk.after(log, (_change, at) => !lost.has(at)),
        acknowledged,
      )
      if (fault !== undefined) faults.add(fault)
    }
  }
  return { cases, faults: [...faults] }
}

function* subsets(items: readonly number[], random: () => number): Generator<Set<number>> {
  if (items.length <= ALL_SUBSETS_MAX) {
    for (let mask = 0; mask < 2 ** items.length; mask++) yield new Set(items.filter((_, i) => (mask >> i) & 1))
    return
  }
  yield new Set()
  yield new Set(items)
  for (let i = 0; i < 2 ** (ALL_SUBSETS_MAX - 2); i++) yield new Set(items.filter(() => random() < 0.5))
}

test('power lost after any operation, with any part of what was not synced: nothing acknowledged is lost, nothing is double', async (t) => {
  const { cases, faults } = await cutEverywhere(await life({}))
  t.log(`${cases} cases`)
  t.deepEqual(faults, [])
})

const leftOut: Record<string, Unsynced> = {
  'the content of files': { file: true },
  'the staging directory': { directory: (path) => path.includes('/staging/') },
  'the ledger directory': { directory: (path) => path.endsWith('/ledger') },
  'the directories of data': { directory: (path) => path.startsWith(`${ROOT}/dt=`) },
  'the parents of new directories': { directory: (path) => path === ROOT },
  'the directory of checkpoints': { directory: (path) => path.endsWith('/checkpoint') },
}

for (const [what, unsynced] of Object.entries(leftOut)) {
  test(`${what} must be synced: without it a loss of power does harm`, async (t) => {
    const { faults } = await cutEverywhere(await life(unsynced), 1)
    t.true(faults.length > 0)
    t.log(faults[0]!)
  })
}

test('a link that was made but answered EEXIST (NFS) is found to be my own', async (t) => {
  const disk = new RecordingDisk()
  const agent = new Agent(new LocalFiles(ROOT, disk), 1)
  await agent.start()
  const files = await agent.stage(3)
  disk.linkFailure = { code: 'EEXIST', linked: true }
  const { entry } = await agent.put(3, files)
  t.is(entry.seq, 1)
  t.is(await afterLoss(disk, 3), undefined)
})

test('a link that was not made is made by the next try', async (t) => {
  const disk = new RecordingDisk()
  const agent = new Agent(new LocalFiles(ROOT, disk), 1)
  await agent.start()
  const files = await agent.stage(3)
  disk.linkFailure = { code: 'EIO', linked: false }
  await agent.put(3, files)
  t.is(await afterLoss(disk, 3), undefined)
})

test('a file system without hard links is refused at the start, by name and with a remedy', async (t) => {
  const disk = new RecordingDisk()
  disk.linkFailure = { code: 'EPERM', linked: false }
  const agent = new Agent(new LocalFiles(ROOT, disk), 1)
  await t.throwsAsync(agent.start(), { code: 'DIRECTORY_UNUSABLE', message: /\/lake.*no hard links.*choose a directory on another/ })
})
