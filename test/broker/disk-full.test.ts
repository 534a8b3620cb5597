import { execFileSync, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, writeSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'

import test from 'ava'
import type { ExecutionContext } from 'ava'

import { systemClock } from '../../core/base/clock.ts'
import { connect } from '../../core/index.ts'
import { Channel } from '../../core/net/channel.ts'
import { tcpDialer } from '../../core/net/dialer.ts'
import { Metadata } from '../../core/protocol/messages/metadata.ts'
import { nextOffset } from '../../core/record/batch.ts'
import { batches } from '../../core/record/records.ts'
import { tempDir } from '../support/start-broker.ts'
import { batch, createTopic, fetchFrom, listing, produce } from '../support/wire.ts'

const MEGABYTE = 1024 * 1024

/** A file system of 24 MiB of its own, where this process may mount one. */
async function smallDisk(t: ExecutionContext): Promise<string | undefined> {
  const disk = join(await tempDir(t), 'disk')
  await mkdir(disk)
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', disk], { stdio: 'pipe' })
  } catch (error) {
    t.log(`skipped: no file system can be mounted here (${String(error).split('\n')[0]}); run it as root`)
    return undefined
  }
  t.teardown(() => execFileSync('umount', ['-l', disk]))
  return disk
}

async function launch(t: ExecutionContext, dir: string): Promise<{ child: ChildProcess; port: number }> {
  const script = join(import.meta.dirname, '../support/broker-process.ts')
  const child = spawn(process.execPath, ['--conditions=moldau-source', script, dir, 'disk'], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
  const [line] = (await once(child.stdout!, 'data')) as [Buffer]
  return { child, port: Number(line.toString()) }
}

/** Takes the last byte. */
function fill(path: string): void {
  const file = openSync(path, 'w')
  const block = Buffer.alloc(4096, 1)
  try {
    for (;;) writeSync(file, block)
  } catch {
    // Full.
  } finally {
    closeSync(file)
  }
}

async function dial(t: ExecutionContext, port: number): Promise<Channel> {
  const channel = new Channel(await tcpDialer().dial('127.0.0.1', port), { clientId: 'full', clock: systemClock })
  t.teardown(() => channel.close())
  return channel
}

/** Numbers of the records, in order. */
async function numbers(channel: Channel): Promise<number[]> {
  const found: number[] = []
  for (let offset = 0; ;) {
    const fetched = await fetchFrom(channel, 'a', offset, { maxWaitMs: 100 })
    const records = fetched.records ?? Buffer.alloc(0)
    if (records.length === 0) return found
    for (const line of listing(fetched)) found.push(Number(line.split(':')[1]!.split(' ')[0]))
    for (const at of batches(records)) offset = nextOffset(records, at)
  }
}

test.serial('on a disk that is full a broker refuses, serves reads and members, and goes on by itself when there is room', async (t) => {
  const disk = await smallDisk(t)
  if (disk === undefined) return t.pass()
  const ballast = join(disk, 'ballast')
  await writeFile(ballast, Buffer.alloc(8 * MEGABYTE, 1))
  const dir = join(disk, 'data')
  const { child, port } = await launch(t, dir)
  const channel = await dial(t, port)
  await createTopic(channel, 'a')
  const client = await connect(`127.0.0.1:${port}`)
  t.teardown(() => client.close())
  const consumer = client.consumer({ groupId: 'g', autoOffsetReset: 'earliest' })
  let rebalances = 0
  consumer.subscribe(['a'], { onAssigned: () => void rebalances++ })
  const consumed = new Set<number>()
  void (async () => {
    for await (const got of consumer) {
      for (let i = 0; i < got.count; i++) consumed.add(Number(String(got.columns.value(got.from + i)).split(' ')[0]))
    }
  })().catch(() => {})
  const ids = { producerId: 77, producerEpoch: 0 }
  let next = 0
  const send = async (): Promise<string> => {
    const { error } = await produce(channel, 'a', batch([`${next} ${'x'.repeat(100_000)}`], { ...ids, baseSequence: next }))
    if (error === 'NONE') next++
    return error
  }
  let error = 'NONE'
  while (error === 'NONE') error = await send()
  t.is(error, 'KAFKA_STORAGE_ERROR')
  const full = next
  t.true(full > 50)
  for (let i = 0; i < 20; i++) t.is(await send(), 'KAFKA_STORAGE_ERROR')
  const numbersOf = (count: number): number[] => Array.from({ length: count }, (_, i) => i)
  t.deepEqual(await numbers(channel), numbersOf(full))
  t.is((await channel.request(Metadata, 12, { topics: null })).topics[0]?.errorCode, 0)
  // What is left is too little for a batch; now there is nothing at all.
  fill(join(disk, 'filler'))
  await t.throwsAsync(createTopic(channel, 'b'), { message: /KAFKA_STORAGE_ERROR/ })
  await rm(join(disk, 'filler'))
  await rm(ballast)
  do {
    await wait(100)
    error = await send()
  } while (error === 'KAFKA_STORAGE_ERROR')
  t.is(error, 'NONE')
  for (let i = 0; i < 10; i++) t.is(await send(), 'NONE')
  await createTopic(channel, 'b')
  t.deepEqual(await numbers(channel), numbersOf(next))
  while (consumed.size < next) await wait(20)
  t.is(rebalances, 1)
  child.kill('SIGKILL')
  await once(child, 'exit')
  const again = await dial(t, (await launch(t, dir)).port)
  t.deepEqual(await numbers(again), numbersOf(next))
})
