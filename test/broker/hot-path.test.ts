import test, { type ExecutionContext } from 'ava'

import { BufferPool } from '../../core/net/buffer-pool.ts'
import { Produce } from '../../core/protocol/messages/produce.ts'
import { countingFiles } from '../support/counting-files.ts'
import { runCommand } from '../support/run-command.ts'
import { startBroker } from '../support/start-broker.ts'
import { batch, createTopic, fetchFrom, open } from '../support/wire.ts'

/** What requests cost, counted in calls of the disk and in buffers made, not in time: these numbers are the same on any machine. */

async function start(t: ExecutionContext, durability: 'disk' | 'page-cache') {
  const { files, counts } = countingFiles('.log')
  const buffers = new BufferPool()
  const broker = await startBroker(t, { files, buffers, config: { durability } })
  const channel = await open(t, broker)
  await createTopic(channel, 'a')
  const send = async (records: Buffer, times: number): Promise<void> => {
    const body = { acks: -1, timeoutMs: 5000, topicData: [{ name: 'a', partitionData: [{ index: 0, records }] }] }
    const answers = await Promise.all(Array.from({ length: times }, () => channel.request(Produce, 12, body)))
    for (const { responses } of answers) t.is(responses[0]!.partitionResponses[0]!.errorCode, 0)
  }
  // The second one looks up the time of the first.
  await send(batch(['first']), 2)
  const since = { ...counts, made: buffers.made }
  /** What has been done since the broker was ready. */
  const spent = () => ({
    opens: counts.opens - since.opens,
    writes: counts.writes - since.writes,
    bytesWritten: counts.bytesWritten - since.bytesWritten,
    reads: counts.reads - since.reads,
    bytesRead: counts.bytesRead - since.bytesRead,
    syncs: counts.syncs - since.syncs,
    made: buffers.made - since.made,
  })
  return { channel, send, spent }
}

const large = batch(Array.from({ length: 900 }, () => 'x'.repeat(1000)))

test('a small produce request costs one write, no read, no sync and no big buffer', async (t) => {
  const { send, spent } = await start(t, 'page-cache')
  const records = batch(['one'])
  await send(records, 500)
  const { writes, ...rest } = spent()
  t.true(writes > 0 && writes <= 500, `${writes} writes`)
  t.deepEqual(rest, { opens: 0, bytesWritten: 500 * records.length, reads: 0, bytesRead: 0, syncs: 0, made: 0 })
})

test('large produce requests are written from where they were read to, in memory that is used again', async (t) => {
  const { send, spent } = await start(t, 'page-cache')
  for (let i = 0; i < 10; i++) await send(large, 3)
  const { writes, bytesWritten, reads, syncs, made } = spent()
  t.true(writes <= 30, `${writes} writes`)
  t.deepEqual({ bytesWritten, reads, syncs }, { bytesWritten: 30 * large.length, reads: 0, syncs: 0 })
  t.true(made <= 2, `${made} buffers made for 30 requests`)
})

test('a fetch reads what it answers once, into memory that is used again', async (t) => {
  const { channel, send, spent } = await start(t, 'page-cache')
  await send(large, 8)
  const before = spent()
  let bytes = 0
  for (let i = 0; i < 24; i++) bytes += (await fetchFrom(channel, 'a', 2 + 900 * (i % 8))).records!.length
  t.is(bytes, 24 * large.length)
  const after = spent()
  t.true(after.bytesRead - before.bytesRead < 1.1 * bytes, `${after.bytesRead - before.bytesRead} bytes read to answer ${bytes}`)
  t.true(after.reads - before.reads <= 24 * 10, `${after.reads - before.reads} reads for 24 fetches`)
  t.true(after.made - before.made <= 2, `${after.made - before.made} buffers made for 24 fetches`)
  t.is(after.opens, 0)
})

test('requests that come together share a sync', async (t) => {
  const { send, spent } = await start(t, 'disk')
  await send(batch(['one']), 200)
  const { syncs } = spent()
  t.true(syncs >= 1 && syncs <= 20, `${syncs} syncs for 200 requests`)
})

test('what only some brokers need is not loaded by the others', async (t) => {
  const core = new URL('../../core/index.ts', import.meta.url).href
  const script = `import { Broker } from '${core}'; console.log(typeof Broker.start, process.moduleLoadList.filter((name) => /(tls|https?|re2js)$/.test(name)).join())`
  const args = ['--conditions=moldau-source', '--input-type=module', '--eval', script]
  const { stdout, stderr } = await runCommand(process.execPath, args)
  t.is(stdout.trim(), 'function', stderr)
})
