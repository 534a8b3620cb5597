/**
 * A producer and a member of a group at a steady rate, for an hour, against a broker in a process of its own: the client's memory must not grow.
 *
 *   npx node --expose-gc --conditions=moldau-source test/soak/client-memory.ts [--minutes 60] [--rate 20000] [--bytes 100] [--partitions 6]
 *     [--every-seconds 60] [--leak heap|external]
 *
 * What a leak is stands in test/support/memory-trend.ts; `--leak` keeps a little of each batch that is read, and must be found.
 */
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { connect } from '../../core/index.ts'
import { ChildBroker } from '../support/child-broker.ts'
import { type MemorySample, trendsOf } from '../support/memory-trend.ts'
import { SteadyLoad } from '../support/steady-load.ts'
import { Tally } from './tally.ts'

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '60' },
    rate: { type: 'string', default: '20000' },
    bytes: { type: 'string', default: '100' },
    partitions: { type: 'string', default: '6' },
    'every-seconds': { type: 'string', default: '60' },
    leak: { type: 'string', default: 'none' },
  },
})
const { gc } = globalThis
if (gc === undefined) throw new Error('run it with --expose-gc: memory is measured after a collection of garbage')
const keep = { none: () => {}, heap: keepObject, external: keepBuffer }[values.leak]
if (keep === undefined) throw new Error(`--leak is heap or external, not ${values.leak}`)
const kept: unknown[] = []

function keepObject(value: Buffer): void {
  kept.push({ length: value.length, first: value[0], at: performance.now(), text: `batch ${kept.length}` })
}

function keepBuffer(value: Buffer): void {
  kept.push(Buffer.alloc(512, value))
}

const dir = await mkdtemp(join(tmpdir(), 'moldau-memory-'))
const ends: (() => unknown)[] = []
// What has been read may go: an hour writes more than a disk should hold.
const config = {
  durability: 'page-cache',
  'log.segment.bytes': 64 << 20,
  'log.retention.bytes': 128 << 20,
  'log.retention.check.interval.ms': 10_000,
}
const broker = new ChildBroker({ teardown: (end) => void ends.push(end) }, dir, config)
await broker.start()
const client = await connect(`127.0.0.1:${broker.port}`)
await client.admin.createTopics([{ name: 'steady', partitions: Number(values.partitions) }])
const load = new SteadyLoad({
  client,
  topic: 'steady',
  groupId: 'steady',
  rate: Number(values.rate),
  bytes: Number(values.bytes),
  onBatch: keep,
})
load.start()
const samples: MemorySample[] = []
const began = performance.now()
const mib = (bytes: number): string => (bytes / 2 ** 20).toFixed(2).padStart(9)
console.log('   minute  produced  consumed  heapUsed  external   buffers       rss  (MiB)')
for (let elapsed = 0; elapsed < Number(values.minutes) * 60_000; elapsed = performance.now() - began) {
  await new Promise((resolve) => setTimeout(resolve, Number(values['every-seconds']) * 1000))
  // Finalizers of what the first one found free more in the second.
  gc()
  await new Promise((resolve) => setImmediate(resolve))
  gc()
  const { heapUsed, rss, external, arrayBuffers } = process.memoryUsage()
  samples.push({ atMs: performance.now() - began, heapUsed, rss, external, arrayBuffers })
  const minute = (samples.at(-1)!.atMs / 60_000).toFixed(1).padStart(9)
  const counts = `${String(load.produced).padStart(10)}${String(load.consumed).padStart(10)}`
  console.log(`${minute}${counts} ${mib(heapUsed)} ${mib(external)} ${mib(arrayBuffers)} ${mib(rss)}`)
}
await load.stop()
await client.close()
for (const end of ends) await end()
const trends = trendsOf(samples)
for (const { measure, bytesPerHour, rise, isLeak } of trends) {
  console.log(`${measure}: ${mib(bytesPerHour).trim()} MiB per hour, ${mib(rise).trim()} in the second half${isLeak ? ': a leak' : ''}`)
}
const tally = new Tally()
await tally.note([...load.faults, ...trends.flatMap(({ measure, isLeak }) => (isLeak ? `${measure} grows` : []))], dir)
tally.end()
