import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'moldau/core'
import { moldauArgs, runCommand } from '../test/support/run-command.ts'
import { cpuOf } from './process-cpu.ts'
import { type BenchRow, median } from './row.ts'

/**
 * The broker as a process of its own, loaded by our client, and a real Kafka beside it where java and its jars can be had:
 * the same batches, in turn, CPU-seconds of the broker process only.
 */

const ROUNDS = 3

interface Server {
  bootstrap: string
  pid: number
  stop(): Promise<void>
}

interface Load {
  name: string
  records: number
  recordBytes: number
  batchBytes: number
}

const loads: readonly Load[] = [
  { name: '100 B records, 16 KiB batches', records: 500_000, recordBytes: 100, batchBytes: 16 * 1024 },
  { name: '1 KiB records, 256 KiB batches', records: 100_000, recordBytes: 1024, batchBytes: 256 * 1024 },
]

export async function rows(): Promise<BenchRow[]> {
  const ours = await startMoldau()
  const peer = await startPeer()
  try {
    const results: BenchRow[] = [await readyRow()]
    for (const load of loads) results.push(...(await loadRows(load, ours, peer)))
    return results
  } finally {
    await ours.stop()
    await peer?.stop()
  }
}

/** Import and start of an embedded broker in a process of its own. */
async function readyRow(): Promise<BenchRow> {
  const script = `const start = performance.now()
    const { Broker } = await import('moldau/core')
    const broker = await Broker.start({ dir: process.argv[1] })
    console.log(performance.now() - start)
    await broker.close()`
  const times: number[] = []
  for (let round = 0; round < 5; round++) {
    const dir = await mkdtemp(join(tmpdir(), 'moldau-bench-'))
    const args = ['--conditions=moldau-source', '--input-type=module', '-e', script, dir]
    const done = await runCommand(process.execPath, args, { cwd: new URL('..', import.meta.url).pathname })
    if (done.code !== 0) throw new Error(done.stderr)
    times.push(Number(done.stdout))
    await rm(dir, { recursive: true })
  }
  return {
    row: 'embedded broker ready, with imports',
    unit: 'ms',
    ours: median(times),
    peer: null,
    ratio: null,
    target: 300,
    better: 'lower',
  }
}

async function loadRows(load: Load, ours: Server, peer: Server | undefined): Promise<BenchRow[]> {
  const measured = { ours: { produce: [] as number[], fetch: [] as number[] }, peer: { produce: [] as number[], fetch: [] as number[] } }
  for (let round = -1; round < ROUNDS; round++) {
    const topic = `bench-${load.recordBytes}-${round + 1}`
    for (const [name, server] of [
      ['ours', ours],
      ['peer', peer],
    ] as const) {
      if (server === undefined) continue
      const cpu = await produceAndFetch(server, topic, load)
      if (round < 0) continue // the first round warms up
      measured[name].produce.push(cpu.produce)
      measured[name].fetch.push(cpu.fetch)
    }
  }
  const gigabytes = (load.records * load.recordBytes) / 1e9
  return (['produce', 'fetch'] as const).flatMap((what) => {
    const own = median(measured.ours[what])
    const theirs = peer === undefined ? null : median(measured.peer[what])
    const row = (unit: string, divisor: number): BenchRow => ({
      row: `${what}, ${load.name}`,
      unit: `broker CPU-s per ${unit}`,
      ours: own / divisor,
      peer: theirs === null ? null : theirs / divisor,
      ratio: theirs === null ? null : own / theirs,
      target: null,
      better: 'lower',
    })
    return [row('M records', load.records / 1e6), row('GB', gigabytes)]
  })
}

async function produceAndFetch(server: Server, topic: string, load: Load): Promise<{ produce: number; fetch: number }> {
  const client = await connect(server.bootstrap)
  try {
    await client.admin.createTopics([{ name: topic, partitions: 1 }])
    const producer = client.producer({ batchBytes: load.batchBytes, acks: 'all' })
    await producer.partitions(topic)
    const value = Buffer.alloc(load.recordBytes, 'x')
    const before = cpuOf(server.pid)
    for (let i = 0; i < load.records; i++) {
      producer.append(topic, 0, null, value, Date.now())
      if (i % 1000 === 999) await producer.ready()
    }
    await producer.flush()
    const between = cpuOf(server.pid)
    await producer.close()
    const consumer = client.consumer()
    consumer.assign([{ topic, partition: 0, offset: 0 }])
    let read = 0
    while (read < load.records) for (const batch of await consumer.poll(1000)) read += batch.count
    await consumer.close()
    return { produce: between - before, fetch: cpuOf(server.pid) - between }
  } finally {
    await client.close()
  }
}

async function startMoldau(): Promise<Server> {
  const dir = await mkdtemp(join(tmpdir(), 'moldau-bench-'))
  const args = ['--max-semi-space-size=32', ...moldauArgs, 'broker', '--port', '0', '--dir', dir, '--log-level', 'silent']
  // Kafka's default is no sync before the answer: both sides do the same work.
  const child = spawn(process.execPath, [...args, '-c', 'durability=page-cache'], { stdio: ['ignore', 'pipe', 'inherit'] })
  const bootstrap = await new Promise<string>((resolve, reject) => {
    child.stdout.on('data', (chunk: Buffer) => {
      const found = /ready at (\S+),/.exec(chunk.toString())
      if (found) resolve(found[1]!)
    })
    child.once('exit', () => reject(new Error('the broker did not start')))
  })
  return {
    bootstrap,
    pid: child.pid!,
    async stop() {
      const ended = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGTERM')
      await ended
      await rm(dir, { recursive: true, force: true })
    },
  }
}

/** A real Kafka, or undefined with a line that says why there is none. */
async function startPeer(): Promise<Server | undefined> {
  try {
    const { launchKafka } = await import('../test/support/start-kafka.ts')
    return await launchKafka()
  } catch (error) {
    console.error(`no Kafka to compare with: ${error instanceof Error ? error.message : String(error)}`)
    return undefined
  }
}
