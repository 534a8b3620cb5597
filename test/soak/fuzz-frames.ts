/**
 * Sends tampered requests of every call and version to a broker in a process of its own while a normal client goes on (RELIABILITY 16): no crash, memory
 * bounded, and the normal client sees nothing.
 *
 *   npm run test:soak:fuzz -- [--frames 1000000] [--seed 1] [--rss-mib 100]
 */
import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

import { connect } from '../../core/client/connect.ts'
import { readAll } from '../support/client-kit.ts'
import { fuzz } from '../support/fuzz-frames.ts'
import { moldauArgs } from '../support/run-command.ts'
import { seededNumbers } from '../support/seeded-numbers.ts'

const { values } = parseArgs({
  options: {
    frames: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    'rss-mib': { type: 'string', default: '100' },
  },
})
const total = Number(values.frames)
const seed = Number(values.seed)
const ROUNDS = 10
const TOPIC = 'of-a-normal-client'

console.log(`seed ${seed}, ${total} frames`)
const dir = await mkdtemp(join(tmpdir(), 'moldau-fuzz-'))
const settings = ['auto.create.topics.enable=false', 'group.max.session.timeout.ms=7000', 'group.max.size=100'].flatMap((each) => [
  '-c',
  each,
])
const child = spawn(process.execPath, [...moldauArgs, 'broker', '--port', '0', '--dir', dir, '--log-level', 'error', ...settings])
let complaints = ''
child.stderr.on('data', (chunk: Buffer) => (complaints = (complaints + chunk.toString()).slice(-20_000)))
const ended = new Promise<number | null>((resolve) => child.once('exit', resolve))
const ready = await new Promise<string>((resolve) => child.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString())))
const port = Number(/:(\d+),/.exec(ready)![1])

const client = await connect(`127.0.0.1:${port}`)
await client.admin.createTopics([{ name: TOPIC, partitions: 1 }])
const producer = client.producer()
let acknowledged = 0
let failed = 0
let done = false
const writing = (async () => {
  while (!done) {
    try {
      await producer.send({ topic: TOPIC, value: Buffer.from(String(acknowledged)) })
      acknowledged++
    } catch (error) {
      failed++
      console.log(`  the normal client saw: ${String(error)}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
})()

/** The most memory that the broker had since this was last asked: a bomb is gone again when a round ends. */
async function peakMiB(): Promise<number> {
  const status = await readFile(`/proc/${child.pid}/status`, 'utf8')
  await writeFile(`/proc/${child.pid}/clear_refs`, '5')
  return Number(/VmHWM:\s+(\d+)/.exec(status)![1]) / 1024
}

const random = seededNumbers(seed)
const measured: number[] = []
let stuck = 0
let damaged = ''
for (let round = 0; round < ROUNDS && child.exitCode === null; round++) {
  await client.admin.createTopics(['t', 'u'].map((name) => ({ name, partitions: 1 })))
  const started = performance.now()
  const result = await fuzz(port, Math.ceil(total / ROUNDS), random, 32)
  stuck += result.stuck
  measured.push(await peakMiB())
  const seconds = (performance.now() - started) / 1000
  const rate = Math.round(result.frames / seconds)
  console.log(
    `round ${round}: ${result.frames} frames over ${result.connections} connections, ${rate}/s; RSS at most ${measured.at(-1)!.toFixed(0)} MiB; ${acknowledged} records alongside`,
  )
  const there = new Set((await client.admin.listTopics()).map(({ name }) => name))
  for (const topic of ['t', 'u']) {
    // Among the tampered are those that delete a topic.
    if (!there.has(topic)) continue
    await readAll(client, topic).catch((error: unknown) => (damaged = `${topic}: ${String(error)}`))
    await client.admin.deleteTopics([topic])
  }
}
done = true
await writing
const [end] = await client.admin.listOffsets([{ topic: TOPIC, partition: 0, at: 'latest' }])
await client.close()
const alive = child.exitCode === null
// A bomb takes 128 MiB until the collector comes (max.decompressed.message.bytes), so peaks are compared: those of later rounds with those of the first half.
const half = measured.length / 2
const growth = Math.max(...measured.slice(half)) - Math.max(...measured.slice(0, half))
const faults = [
  ...(alive ? [] : [`the broker ended with ${child.exitCode}: ${complaints}`]),
  ...(stuck > 0 ? [`${stuck} connections were neither answered nor ended`] : []),
  ...(failed > 0 ? [`the normal client saw ${failed} errors`] : []),
  ...(end!.offset === acknowledged ? [] : [`${acknowledged} records were acknowledged, ${end!.offset} are there`]),
  ...(damaged === '' ? [] : [`a damaged batch reached the disk: ${damaged}`]),
  ...(growth > Number(values['rss-mib']) ? [`RSS grew by ${growth.toFixed(0)} MiB`] : []),
]
child.kill('SIGTERM')
await ended
await rm(dir, { recursive: true, force: true })
for (const fault of faults) console.log(`  ${fault}`)
console.log(`${6 - faults.length} passed, ${faults.length} failed`)
process.exit(faults.length === 0 ? 0 : 1)
