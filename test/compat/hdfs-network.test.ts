import { userInfo } from 'node:os'

import test, { type ExecutionContext } from 'ava'
import { WebHdfsFiles } from '../../connectors/hdfs/fs/webhdfs/webhdfs.ts'
import { hdfs, verify, type WebHdfsOptions } from '../../connectors/hdfs/index.ts'
import { HdfsCluster } from '../support/hdfs-cluster.ts'
import { byDay } from '../support/hdfs-lake.ts'
import { sinkContext } from '../support/ledger-kit.ts'
import { exportThrough } from '../support/lossy-export.ts'
import { seededNumbers } from '../support/seeded-numbers.ts'
import { numbersOnStore } from '../support/store-audit.ts'
import { WebHdfsProxy, type Fate, type FateOf } from '../support/webhdfs-proxy.ts'

let cluster: HdfsCluster

test.before(async () => {
  cluster = await HdfsCluster.start()
})

test.after.always(() => cluster?.stop())

let stores = 0

/** A network between a sink and the HDFS. */
async function network(t: ExecutionContext): Promise<{ proxy: WebHdfsProxy; url: string; straight: string }> {
  const proxy = await WebHdfsProxy.start(cluster.nameNodes[0]!.http)
  t.teardown(() => proxy.close())
  const path = `store-${stores++}`
  return { proxy, url: `webhdfs://${userInfo().username}@127.0.0.1:${proxy.port}/${path}`, straight: cluster.url(path) }
}

const webhdfs: WebHdfsOptions = { retryMs: 5000, timeoutMs: 5000 }

async function audit(t: ExecutionContext, url: string, end: number, message: string): Promise<void> {
  t.like(await verify({ url }), { ok: true, topics: [{ records: end, holes: 0 }] }, message)
  t.deepEqual(
    await numbersOnStore(new WebHdfsFiles(url)),
    Array.from({ length: end }, (_, n) => n),
    message,
  )
}

const END = 300

/** Each operation that changes something meets this fate often; the audit is exact all the same. */
for (const [op, fate] of [
  ['RENAME', 'lose request'],
  ['RENAME', 'lose answer'],
  ['RENAME', 'late'],
  ['CREATE', 'lose request'],
  ['CREATE', 'lose answer'],
  ['CREATE', 'late'],
  ['CREATE', 'cut body'],
  ['DELETE', 'lose answer'],
  ['DELETE', 'late'],
  ['MKDIRS', 'lose answer'],
  ['MKDIRS', 'late'],
] as const) {
  test.serial(`${op}: ${fate}`, async (t) => {
    const { proxy, url, straight } = await network(t)
    const random = seededNumbers(op.length * 31 + fate.length)
    // Bodies go to DataNodes; a NameNode only says where to.
    const isMeant: FateOf = (request) => (request.op === op && request.toDataNode === (op === 'CREATE') && random() < 0.25 ? fate : 'pass')
    proxy.fate = isMeant
    const setbacks = await exportThrough(() => hdfs({ url, webhdfs, ...byDay }), sinkContext(), END, random)
    await proxy.calm()
    t.log(`${proxy.count(op === 'CREATE' ? 'DataNode CREATE' : op)} requests, setbacks ${JSON.stringify([...setbacks])}`)
    await audit(t, straight, END, `${op}: ${fate}`)
  })
}

test.serial('everything at once, at random', async (t) => {
  const fates: Fate[] = ['lose request', 'lose answer', 'late', 'cut body']
  for (const seed of [1, 2, 3]) {
    const { proxy, url, straight } = await network(t)
    const random = seededNumbers(seed)
    proxy.fate = ({ op, toDataNode }) => {
      if (random() > 0.06) return 'pass'
      const fate = fates[Math.floor(random() * fates.length)]!
      return fate === 'cut body' && !(toDataNode && op === 'CREATE') ? 'lose answer' : fate
    }
    const setbacks = await exportThrough(() => hdfs({ url, webhdfs, ...byDay }), sinkContext(), END, random)
    await proxy.calm()
    t.log(`seed ${seed}: setbacks ${JSON.stringify([...setbacks])}`)
    await audit(t, straight, END, `seed ${seed}`)
  }
})
