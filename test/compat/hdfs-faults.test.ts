import { setTimeout as wait } from 'node:timers/promises'

import test, { type ExecutionContext } from 'ava'
import { WebHdfsFiles } from '../../connectors/hdfs/fs/webhdfs/webhdfs.ts'
import { hdfs, verify, type WebHdfsOptions } from '../../connectors/hdfs/index.ts'
import { HdfsCluster } from '../support/hdfs-cluster.ts'
import { byDay } from '../support/hdfs-lake.ts'
import { numberedBatch, sinkContext, type KitContext } from '../support/ledger-kit.ts'
import { exportThrough } from '../support/lossy-export.ts'
import { seededNumbers } from '../support/seeded-numbers.ts'
import { numbersOnStore } from '../support/store-audit.ts'

/** Two NameNodes, two DataNodes: one of each may be gone. */
let cluster: HdfsCluster

test.before(async () => {
  cluster = await HdfsCluster.start({ nameNodes: 2, dataNodes: 2 })
})

test.after.always(() => cluster?.stop())

const webhdfs: WebHdfsOptions = { retryMs: 30_000, timeoutMs: 10_000 }
let stores = 0

/** Exports without end while `trouble` is made, and to the end after it; each record must be there once. */
async function through(t: ExecutionContext, trouble: () => Promise<void>): Promise<void> {
  const url = cluster.url(`store-${stores++}`)
  const context = sinkContext()
  const random = seededNumbers(stores)
  let end = 0
  let isOver = false
  const exporting = (async () => {
    while (!isOver) {
      end += 100
      await exportThrough(() => hdfs({ url, webhdfs, ...byDay }), context, end, random)
    }
  })()
  await wait(300)
  const before = end
  await trouble()
  isOver = true
  await exporting
  t.log(`${before} records before, ${end} after`)
  t.like(await verify({ url, webhdfs }), { ok: true, topics: [{ records: end, holes: 0 }] })
  t.deepEqual(
    await numbersOnStore(new WebHdfsFiles(url)),
    Array.from({ length: end }, (_, n) => n),
  )
}

test.serial('the active NameNode is killed, and the other takes over', (t) =>
  through(t, async () => {
    await cluster.kill(cluster.nameNodes[0]!)
    await wait(300)
    await cluster.activate(1)
    await wait(500)
    await cluster.startNameNode(0)
  }),
)

test.serial('a fail-over in good order, there and back', (t) =>
  through(t, async () => {
    await cluster.standBy(1)
    await cluster.activate(0)
    await wait(300)
    await cluster.standBy(0)
    await cluster.activate(1)
  }),
)

test.serial('both NameNodes are restarted', (t) =>
  through(t, async () => {
    for (const node of cluster.nameNodes) await cluster.kill(node)
    await Promise.all([0, 1].map((i) => cluster.startNameNode(i)))
    await cluster.activate(0)
    await wait(500)
  }),
)

test.serial('safe mode', (t) =>
  through(t, async () => {
    await cluster.admin('dfsadmin', '-safemode', 'enter')
    await wait(500)
    await cluster.admin('dfsadmin', '-safemode', 'leave')
    await wait(300)
  }),
)

test.serial('a DataNode is killed and comes back', (t) =>
  through(t, async () => {
    await cluster.kill(cluster.dataNodes[0]!)
    await wait(1500)
    await cluster.startDataNode(0)
    await wait(500)
  }),
)

test.serial('a NameNode that freezes is given up, and what it did late harms nothing', (t) =>
  through(t, async () => {
    const frozen = cluster.nameNodes[0]!.process!
    frozen.pause()
    await wait(500)
    frozen.resume()
    await wait(300)
  }),
)

/** The sink of one partition on a new directory, and its directory. */
async function sinkOn(path: string, context: KitContext = sinkContext()) {
  const url = cluster.url(path)
  const open = await hdfs({ url, webhdfs: { ...webhdfs, retryMs: 500 }, ...byDay }).open(context)
  return { url, context, sink: open.partition('flights', 0) }
}

test.serial('a quota that is used up stops the sink with a remedy; with a larger one it goes on', async (t) => {
  const { url, context, sink } = await sinkOn('quota')
  await sink.recover!()
  await sink.write(numberedBatch('flights', 0, 0, 10))
  await sink.commit({ offset: 10, leaderEpoch: 0 })
  await cluster.admin('dfsadmin', '-setQuota', '12', '/quota')
  await sink.write(numberedBatch('flights', 0, 10, 20))
  await t.throwsAsync(sink.commit({ offset: 20, leaderEpoch: 0 }), { code: 'STORAGE_FAILED', message: /quota.*hdfs dfsadmin -setQuota/i })
  await cluster.admin('dfsadmin', '-clrQuota', '/quota')
  const again = await sinkOn('quota', context)
  const { offset } = await again.sink.recover!()
  t.is(offset, 10)
  await again.sink.write(numberedBatch('flights', 0, 10, 20))
  await again.sink.commit({ offset: 20, leaderEpoch: 0 })
  t.like(await verify({ url, webhdfs }), { ok: true, topics: [{ records: 20 }] })
})

test.serial('who may not write is told so, with a remedy', async (t) => {
  const [host] = cluster.nameNodes
  const url = `webhdfs://nobody-special@${host!.http},${cluster.nameNodes[1]!.http}/forbidden`
  const open = await hdfs({ url, webhdfs: { retryMs: 500 } }).open(sinkContext())
  await t.throwsAsync(open.partition('flights', 0).recover!(), { code: 'STORAGE_FAILED', message: /user=nobody-special.*hdfs dfs -chown/s })
})

test.serial('a directory that is moved away under a live sink is not made anew in the old place', async (t) => {
  const { url, context, sink } = await sinkOn('moved-from')
  await sink.recover!()
  await sink.write(numberedBatch('flights', 0, 0, 10))
  await sink.commit({ offset: 10, leaderEpoch: 0 })
  const root = new WebHdfsFiles(cluster.url(''), webhdfs)
  t.true(await root.rename('moved-from', 'moved-to'))
  await sink.write(numberedBatch('flights', 0, 10, 20))
  await t.throwsAsync(sink.commit({ offset: 20, leaderEpoch: 0 }))
  await t.throwsAsync(sink.recover!(), { code: 'LEDGER_MISMATCH', message: /was the directory moved/ })
  t.is(await root.status('moved-from'), undefined)
  const moved = await sinkOn('moved-to', context)
  t.is((await moved.sink.recover!()).offset, 10)
  t.true((await verify({ url: url.replace('moved-from', 'moved-to'), webhdfs })).ok)
})

test.serial('the bytes of a file are on the disk of the DataNode when it is closed', async (t) => {
  const syncs = async (): Promise<number> => {
    const counts = await Promise.all(
      cluster.dataNodes.map(async (node) => Number((await cluster.jmx(node, 'DataNodeActivity*'))?.['FsyncCount'])),
    )
    return counts[0]! + counts[1]!
  }
  const fs = new WebHdfsFiles(cluster.url('synced'), webhdfs)
  await fs.mkdirs('')
  // Counts are told once a second.
  await wait(2500)
  const before = await syncs()
  for (let i = 0; i < 10; i++) {
    const writer = await fs.create(`file-${i}`)
    await writer.write([Buffer.from('x')])
    await writer.close()
  }
  await wait(2500)
  t.is((await syncs()) - before, 20, 'each of both DataNodes has synced each file')
})
