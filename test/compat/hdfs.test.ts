import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

import test from 'ava'
import { WebHdfsFiles } from '../../connectors/hdfs/fs/webhdfs/webhdfs.ts'
import { hdfs, verify } from '../../connectors/hdfs/index.ts'
import { fileSystemContract } from '../support/file-system-contract.ts'
import { HdfsCluster } from '../support/hdfs-cluster.ts'
import { byDay } from '../support/hdfs-lake.ts'
import { sinkContext } from '../support/ledger-kit.ts'
import { seededNumbers } from '../support/seeded-numbers.ts'
import { sinkContract } from '../support/sink-contract.ts'
import { numbersOnStore } from '../support/store-audit.ts'

let cluster: HdfsCluster

test.before(async () => {
  // A listing comes in parts of so many names.
  cluster = await HdfsCluster.start({ dataNodes: 2, settings: { 'dfs.ls.limit': '100' } })
})

test.after.always(() => cluster?.stop())

let stores = 0

function newUrl(): string {
  return cluster.url(`store-${stores++}`)
}

fileSystemContract(test, 'webhdfs:', async () => {
  const url = newUrl()
  await new WebHdfsFiles(url).mkdirs('')
  return () => new WebHdfsFiles(url)
})

sinkContract(test, 'hdfs on webhdfs:', (t) => {
  const url = newUrl()
  const fs = new WebHdfsFiles(url)
  const stored = async (): Promise<number[]> => {
    const numbers = await numbersOnStore(fs)
    if (numbers.length > 0) t.true((await verify({ url })).ok)
    return numbers
  }
  return Promise.resolve({ sink: () => hdfs({ url, ...byDay }), context: sinkContext(), stored })
})

const writer = fileURLToPath(new URL('../support/ledger-lake-writer.ts', import.meta.url))

function startWriter(url: string, end: number): ChildProcess {
  return spawn(process.execPath, ['--conditions=moldau-source', writer, url, String(end)], { stdio: ['ignore', 'inherit', 'inherit'] })
}

test('killed and frozen at random, two instances at a time, each record is in HDFS once', async (t) => {
  const url = newUrl()
  const random = seededNumbers(11)
  const end = 1500
  let kills = 0
  const zombies: ChildProcess[] = []
  for (let done = false; !done;) {
    const child = startWriter(url, end)
    const exited = once(child, 'exit')
    const left = await Promise.race([exited.then(([code]) => code as number), wait(500 + random() * 1500).then(() => undefined)])
    if (left !== undefined) {
      t.is(left, 0, 'the writer ends by itself only when all is written')
      done = true
      continue
    }
    kills++
    if (random() < 0.5) child.kill('SIGKILL')
    else {
      child.kill('SIGSTOP')
      zombies.push(child)
    }
    for (const zombie of zombies) if (random() < 0.5) zombie.kill('SIGCONT')
  }
  for (const zombie of zombies) {
    zombie.kill('SIGCONT')
    if (zombie.exitCode === null && zombie.signalCode === null) t.deepEqual(await once(zombie, 'exit'), [0, null])
  }
  t.log(`${kills} kills and freezes`)
  t.true(kills > 0)
  t.like(await verify({ url }), { ok: true, topics: [{ records: end, holes: 0 }] })
  t.deepEqual(
    await numbersOnStore(new WebHdfsFiles(url)),
    Array.from({ length: end }, (_, n) => n),
  )
})
