import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import test from 'ava'
import { ManualClock } from '../../core/base/clock.ts'
import { MoldauError } from '../../core/base/errors.ts'
import { nodeFiles } from '../../core/base/files.ts'
import { Broker } from '../../core/broker/broker.ts'
import { logPools } from '../../core/log/file-pool.ts'
import { LogManager, type LogManagerOptions } from '../../core/log/log-manager.ts'
import { PartitionLog } from '../../core/log/partition-log.ts'
import { FaultyFiles } from '../support/faulty-files.ts'
import { batchOf, readAll } from '../support/logs.ts'

const TOPIC_ID = 'AAAAAAAAAAAAAAAAAAAAAQ'

function open(files: FaultyFiles, clock: ManualClock, options: Partial<LogManagerOptions> = {}): Promise<LogManager> {
  return LogManager.open({ dir: '/data', files, clock, ...options })
}

/** A process that dies without a word leaves its lock behind. */
function crash(files: FaultyFiles): void {
  files.unlink('/data/.lock')
}

function temporary(): string {
  return mkdtempSync(join(tmpdir(), 'moldau-log-'))
}

test('partitions, topic ids and start offsets are there again after a clean stop and after a crash', async (t) => {
  for (const clean of [true, false]) {
    const files = new FaultyFiles()
    const clock = new ManualClock()
    let logs = await open(files, clock)
    for (const partition of [0, 1]) {
      const log = logs.create('a-topic.with-hyphens', partition, TOPIC_ID)
      for (let i = 0; i < 5; i++) log.append(batchOf([`${partition}/${i}`]), { leaderEpoch: 2 })
      log.deleteRecordsBefore(partition)
      await log.flush()
    }
    if (clean) await logs.close()
    else await logs.checkpoint()
    if (!clean) crash(files)
    logs = await open(files, clock)
    t.is([...logs.partitions()].length, 2)
    t.is(
      [...logs.partitions()].some((log) => log.loaded),
      !clean,
    )
    const log = logs.get('a-topic.with-hyphens', 1)!
    t.is(logs.topicId('a-topic.with-hyphens', 1), TOPIC_ID)
    t.deepEqual(
      readAll(log).map(({ value }) => value),
      ['1/1', '1/2', '1/3', '1/4'],
    )
    t.is(log.flushedOffset, 5)
    t.is(log.latestEpoch, 2)
    t.false(files.paths().includes('/data/.kafka_cleanshutdown'))
  }
})

test('ten thousand partitions open after a clean stop without a descriptor or a segment read', async (t) => {
  const files = new FaultyFiles()
  const clock = new ManualClock()
  const lines: string[] = []
  for (let partition = 0; partition < 10_000; partition++) {
    files.mkdir(`/data/wide-${partition}`)
    lines.push(`wide ${partition} 0`)
  }
  files.writeFile('/data/recovery-point-offset-checkpoint', ['0', lines.length, ...lines, ''].join('\n'))
  files.writeFile('/data/.kafka_cleanshutdown', '')
  const logs = await open(files, clock)
  t.is([...logs.partitions()].length, 10_000)
  t.is(files.descriptors, 0)
  t.is(files.bytesRead, 0)
  t.is(logs.get('wide', 9_999)!.append(batchOf(['v']), { leaderEpoch: 0 }).baseOffset, 0)
  t.true(files.descriptors <= 1)
  await logs.close()
})

test('open files stay within their bound, and a lack of descriptors closes some', async (t) => {
  const files = new FaultyFiles()
  const clock = new ManualClock()
  const logs = await open(files, clock, { openFilesMax: 8 })
  for (let round = 0; round < 3; round++) {
    for (let partition = 0; partition < 30; partition++) {
      logs.create('t', partition, TOPIC_ID).append(batchOf([String(round)]), { leaderEpoch: 0 })
      t.true(files.descriptors <= 8)
    }
  }
  files.descriptorsMax = 4
  for (let partition = 0; partition < 30; partition++) t.is(readAll(logs.get('t', partition)!).length, 3)
  files.descriptorsMax = 100
  await logs.close()
  t.is(files.descriptors, 0)
})

test('a deleted topic is gone at once, its folders after file.delete.delay.ms, and a new one of its name begins at 0', async (t) => {
  const files = new FaultyFiles()
  const clock = new ManualClock()
  const logs = await open(files, clock)
  for (let i = 0; i < 5; i++) logs.create('t', 0, TOPIC_ID).append(batchOf(['old']), { leaderEpoch: 0 })
  await logs.delete('t')
  t.is(logs.get('t', 0), undefined)
  const doomed = files.readdir('/data').filter(({ directory }) => directory)
  t.regex(doomed[0]!.name, /^t-0\.[0-9a-f]{32}-delete$/)
  t.is(logs.create('t', 0, TOPIC_ID).append(batchOf(['new']), { leaderEpoch: 0 }).baseOffset, 0)
  clock.advance(60_000)
  t.deepEqual(
    files
      .readdir('/data')
      .filter(({ directory }) => directory)
      .map(({ name }) => name),
    ['t-0'],
  )
  await logs.close()
})

test('folders on their way out are removed after a restart', async (t) => {
  const files = new FaultyFiles()
  const clock = new ManualClock()
  let logs = await open(files, clock)
  logs.create('t', 0, TOPIC_ID)
  await logs.delete('t')
  await logs.close()
  logs = await open(files, clock)
  t.is([...logs.partitions()].length, 0)
  clock.advance(60_000)
  t.deepEqual(
    files.readdir('/data').filter(({ directory }) => directory),
    [],
  )
})

test('retention deletes by time on the clock, the active segment too, and files go after their delay', async (t) => {
  const files = new FaultyFiles()
  const clock = new ManualClock()
  const logs = await open(files, clock, { config: { segmentBytes: 200, retentionMs: 600_000, fileDeleteDelayMs: 1000 } })
  const log = logs.create('t', 0, TOPIC_ID)
  for (let i = 0; i < 9; i++) log.append(batchOf(['v'], { timestamp: clock.now() }), { leaderEpoch: 0 })
  clock.advance(500_000)
  log.append(batchOf(['young'], { timestamp: clock.now() }), { leaderEpoch: 0 })
  clock.advance(450_000)
  t.true(log.logStartOffset >= 8)
  t.true(readAll(log).some(({ value }) => value === 'young'))
  clock.advance(1_000_000)
  t.is(log.logStartOffset, 10)
  t.is(log.append(batchOf(['next'], { timestamp: clock.now() }), { leaderEpoch: 0 }).baseOffset, 10)
  t.is(files.paths().filter((path) => path.endsWith('.log')).length, 1)
  // Files are removed one after the other, none of them waited for.
  await new Promise((resolve) => setImmediate(resolve))
  t.false(files.paths().some((path) => path.endsWith('.deleted')))
  await logs.close()
})

test('the recovery point is written every minute, so that a crash costs a scan of what is younger', async (t) => {
  const files = new FaultyFiles()
  const clock = new ManualClock()
  const logs = await open(files, clock)
  const log = logs.create('t', 0, TOPIC_ID)
  log.append(batchOf(['v']), { leaderEpoch: 0 })
  await log.flush()
  clock.advance(60_000)
  await new Promise((resolve) => setImmediate(resolve))
  t.is(files.content('/data/recovery-point-offset-checkpoint').toString(), '0\n1\nt 0 1\n')
  t.is(files.content('/data/replication-offset-checkpoint').toString(), '0\n1\nt 0 1\n')
  await logs.close()
})

test('a deletion ends when nothing is noted any more that a topic of the same name could inherit', async (t) => {
  const files = new FaultyFiles()
  const logs = await open(files, new ManualClock())
  for (const topic of ['gone', 'stays']) {
    const log = logs.create(topic, 0, TOPIC_ID)
    log.append(batchOf(['v']), { leaderEpoch: 0 })
    await log.flush()
  }
  const noted = (): string => files.content('/data/recovery-point-offset-checkpoint').toString()
  const { promise: slow, resolve: release } = Promise.withResolvers<void>()
  files.pause = (path) => (path === '/data/recovery-point-offset-checkpoint.tmp' ? slow : Promise.resolve())
  // One is being written, with what is going to be deleted.
  const written = logs.checkpoint()
  let deleted = false
  const deletion = logs.delete('gone').then(() => (deleted = true))
  t.is(logs.get('gone', 0), undefined)
  await new Promise((resolve) => setImmediate(resolve))
  t.false(deleted)
  release()
  t.true(await written)
  await deletion
  t.is(noted(), '0\n1\nstays 0 1\n')
  t.false(files.paths().some((path) => path.endsWith('.tmp')))
  // The folder's new name is durable as well.
  files.powerLoss()
  t.false(files.paths().some((path) => path.startsWith('/data/gone-0/')))
})

test('damaged checkpoint files cost a full check, no record', async (t) => {
  const files = new FaultyFiles()
  const clock = new ManualClock()
  const logs = await open(files, clock)
  const log = logs.create('t', 0, TOPIC_ID)
  for (let i = 0; i < 20; i++) log.append(batchOf([String(i)]), { leaderEpoch: 0 })
  const records = readAll(log)
  await logs.close()
  const path = '/data/recovery-point-offset-checkpoint'
  for (let bit = 0; bit < files.content(path).length * 8; bit++) {
    const disk = files.copy()
    disk.content(path)[bit >> 3]! ^= 1 << (bit & 7)
    const again = await open(disk, clock)
    t.deepEqual(readAll(again.get('t', 0)!), records, `bit ${bit}`)
    t.is(again.get('t', 0)!.logEndOffset, 20)
  }
})

test('a checkpoint, partition.metadata or meta.properties that is cut at any byte is made again, or named, and never taken for another', async (t) => {
  const files = new FaultyFiles()
  const clock = new ManualClock()
  const logs = await open(files, clock, { nodeId: 12 })
  for (const partition of [0, 1]) {
    const log = logs.create('topic', partition, TOPIC_ID)
    for (let i = 0; i < 120; i++) log.append(batchOf([`${partition}/${i}`]), { leaderEpoch: 2 })
    await log.flush()
    log.deleteRecordsBefore(partition * 101)
  }
  files.writeFile('/data/cleaner-offset-checkpoint', '0\n1\ntopic 1 117\n')
  const { meta } = logs
  await logs.close()
  const names = ['recovery-point-offset-checkpoint', 'log-start-offset-checkpoint', 'replication-offset-checkpoint']
  const others = ['cleaner-offset-checkpoint', 'meta.properties', 'topic-0/partition.metadata']
  for (const name of [...names, ...others]) {
    const path = `/data/${name}`
    const content = files.content(path)
    for (let length = 0; length < content.length; length++) {
      for (const clean of [true, false]) {
        const what = `${name} cut to ${length} of ${content.length} bytes`
        const disk = files.copy()
        disk.damage(path, content.subarray(0, length))
        if (!clean) disk.unlink('/data/.kafka_cleanshutdown')
        const said: string[] = []
        const error = (fields: object, message: string): void => void said.push(`${JSON.stringify(fields)} ${message}`)
        const logger = { debug() {}, info() {}, warn() {}, error }
        if (name === 'meta.properties') {
          await t.throwsAsync(open(disk, clock, { logger }), { code: 'DIRECTORY_UNUSABLE', message: /meta[.]properties is damaged/ }, what)
          t.is(disk.content(path).length, length, 'left as it is')
          continue
        }
        const again = await open(disk, clock, { logger })
        t.deepEqual(again.meta, meta)
        const isNamed = said.some((line) => line.includes(path))
        for (const partition of [0, 1]) {
          const log = again.get('topic', partition)!
          const start = name === 'log-start-offset-checkpoint' ? 0 : partition * 101
          if (log.logStartOffset !== start || log.logEndOffset !== 120) t.fail(`${what}: ${log.logStartOffset} to ${log.logEndOffset}`)
          if (readAll(log).length !== 120 - start) t.fail(what)
          if (again.cleaner.cleanedTo('topic', partition) !== (name.startsWith('cleaner') ? 0 : partition * 117)) t.fail(`${what}: cleaned`)
        }
        const cleanerNamed = said.some((line) => line.includes(path))
        const matters = name.startsWith('recovery') || name.startsWith('log-start')
        if ((matters && !isNamed) || (name.startsWith('cleaner') && !cleanerNamed)) t.fail(`${what}: without a word`)
        t.is(again.topicId('topic', 0), name.endsWith('partition.metadata') ? undefined : TOPIC_ID, what)
        await again.close()
      }
    }
  }
})

test('a second process is refused by name, a dead one leaves the folder to the next, however it is called', async (t) => {
  const files = new FaultyFiles()
  const clock = new ManualClock()
  const alive = new Set(['100 a', '200 b'])
  const processes = (pid: number, started: string): NonNullable<LogManagerOptions['processes']> => ({
    self: () => ({ pid, started }),
    alive: (holder) => alive.has(`${holder.pid} ${holder.started}`),
  })
  await open(files, clock, { processes: processes(100, 'a') })
  const error = await t.throwsAsync(open(files, clock, { processes: processes(200, 'b') }), { instanceOf: MoldauError })
  t.is(error?.code, 'DIRECTORY_UNUSABLE')
  t.regex(error!.message, /process 100/)
  alive.delete('100 a')
  const second = await open(files, clock, { processes: processes(200, 'b') })
  await t.throwsAsync(open(files, clock, { processes: processes(100, 'c') }), { message: /process 200/ })
  await second.close()
  alive.add('100 c')
  await (await open(files, clock, { processes: processes(100, 'c') })).close()
  files.writeFile('/data/.lock', '')
  await (await open(files, clock)).close()
  t.deepEqual(
    files.paths().filter((path) => path.includes('.lock')),
    [],
  )
})

test('a folder of another cluster or node is refused, a folder of Kafka with ZooKeeper is taken', async (t) => {
  const files = new FaultyFiles()
  const clock = new ManualClock()
  const first = await open(files, clock, { nodeId: 3 })
  const { clusterId, directoryId } = first.meta
  t.regex(clusterId, /^[\w-]{22}$/)
  await first.close()
  t.deepEqual((await reopened({})).meta, { clusterId, nodeId: 3, directoryId })
  await t.throwsAsync(open(files, clock, { nodeId: 4 }), { message: /node 3, not 4/ })
  await t.throwsAsync(open(files, clock, { clusterId: 'other' }), { message: /belongs to cluster/ })
  files.writeFile('/data/meta.properties', '#\n#Mon\nbroker.id=7\nversion=0\ncluster.id=abc\n')
  const zookeeper = (await reopened({})).meta
  t.is(zookeeper.nodeId, 7)
  t.is(zookeeper.clusterId, 'abc')

  async function reopened(options: Partial<LogManagerOptions>): Promise<LogManager> {
    const logs = await open(files, clock, options)
    await logs.close()
    return logs
  }
})

test('a folder that cannot be used says so, with the path and the remedy', async (t) => {
  const dir = temporary()
  t.teardown(() => rmSync(dir, { recursive: true }))
  const file = join(dir, 'file')
  writeFileSync(file, '')
  symlinkSync(join(dir, 'nowhere'), join(dir, 'link'))
  const unusable = ['/proc/x', '/proc/x/y', '/dev/null/x', file, join(file, 'x/y'), join(dir, 'link'), `${dir}/${'n'.repeat(300)}`]
  for (const path of unusable) {
    const error = await t.throwsAsync(Broker.start({ dir: path, port: null }), { instanceOf: MoldauError })
    t.is(error.code, 'DIRECTORY_UNUSABLE', path)
    t.true(error.message.startsWith(`${path} cannot be used: `) && error.message.includes('or choose another one'), error.message)
    if (path.startsWith(file)) t.true(error.message.includes(`${file} is a file`), error.message)
  }
})

test('a folder is made with its parents, and one that is there stays as it is', (t) => {
  const dir = temporary()
  t.teardown(() => rmSync(dir, { recursive: true }))
  nodeFiles.mkdir(join(dir, 'a/b/c'))
  writeFileSync(join(dir, 'a/b/c/file'), '')
  symlinkSync(join(dir, 'a'), join(dir, 'link'))
  for (const path of [join(dir, 'a/b/c'), join(dir, 'a/b/c/'), join(dir, 'link'), '/', '.']) nodeFiles.mkdir(path)
  nodeFiles.mkdir(join(dir, 'link/d'))
  t.deepEqual(readdirSync(join(dir, 'a')).toSorted(), ['b', 'd'])
  t.deepEqual(readdirSync(join(dir, 'a/b/c')), ['file'])
})

test('on a real disk a log is written, rolled, deleted from and found again', async (t) => {
  const dir = temporary()
  t.teardown(() => rmSync(dir, { recursive: true }))
  const config = { segmentBytes: 2000, retentionMs: -1, retentionBytes: 4000, fileDeleteDelayMs: 0 }
  let logs = await LogManager.open({ dir, config })
  await t.throwsAsync(LogManager.open({ dir }), { message: new RegExp(`process ${process.pid}`) })
  const log = logs.create('t', 0, TOPIC_ID)
  for (let i = 0; i < 100; i++) log.append(batchOf([`value ${i}`]), { leaderEpoch: 0 })
  t.true(log.applyRetention(Date.now()) > 0)
  const records = readAll(log)
  await logs.close()
  logs = await LogManager.open({ dir, config })
  t.deepEqual(readAll(logs.get('t', 0)!), records)
  t.is(readFileSync(join(dir, 't-0', 'partition.metadata'), 'utf8'), `version: 0\ntopic_id: ${TOPIC_ID}`)
  await logs.close()
})

test('after kill -9 every acknowledged record is there once, in order, and nothing that was not sent', async (t) => {
  const dir = temporary()
  t.teardown(() => rmSync(dir, { recursive: true }))
  mkdirSync(dir, { recursive: true })
  let acknowledged = -1
  for (let round = 0; round < 5; round++) {
    const child = spawn(process.execPath, ['--conditions=moldau-source', join(import.meta.dirname, 'appending-child.ts'), dir])
    const printed = createInterface({ input: child.stdout })
    let lines = 0
    for await (const line of printed) {
      acknowledged = Number(line)
      if (++lines === 20 + round * 37) child.kill('SIGKILL')
    }
    t.true(lines > 0)
    const log = new PartitionLog({ topic: 't', partition: 0, directory: join(dir, 't-0'), pools: logPools(nodeFiles) })
    const values = readAll(log, 0, 1e6).map(({ value }) => Number(value))
    log.abandon()
    t.true(values.length > acknowledged)
    t.true(values.every((value, i) => value === i))
  }
})
