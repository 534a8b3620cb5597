import { systemClock } from '../../core/base/clock.ts'
import { Channel } from '../../core/net/channel.ts'
import { tcpDialer } from '../../core/net/dialer.ts'
import { ManyBroker, ManyClients } from './many.ts'
import { until } from './until.ts'
import { batch, createTopic, fetchFrom, listing, produce } from './wire.ts'

/** What was measured, for whoever wants to read it. */
export type Measured = Record<string, number>

const MIB = 1024 * 1024
/** A connection more or less is somebody's who is just coming or going. */
const DESCRIPTORS_SLACK = 3

async function openChannel(port: number): Promise<Channel> {
  return new Channel(await tcpDialer().dial('127.0.0.1', port), { clientId: 'test', clock: systemClock, requestTimeoutMs: 120_000 })
}

function must(isSo: boolean, what: string): void {
  if (!isSo) throw new Error(what)
}

/** Partitions that are there, closed in order or killed, cost no descriptor until they are used. */
export async function manyPartitions(dir: string, partitions: number): Promise<Measured> {
  const first = await ManyBroker.start(dir)
  const before = first.descriptors
  let channel = await openChannel(first.port)
  await createTopic(channel, 'wide', partitions)
  for (const partition of [0, partitions - 1])
    must((await produce(channel, 'wide', batch(['v']), { partition })).error === 'NONE', 'produce')
  channel.close()
  await first.stop()
  const clean = await ManyBroker.start(dir)
  const measured: Measured = {
    partitions,
    cleanStartMs: clean.startMs,
    cleanMemoryMiB: clean.memory / MIB,
    cleanDescriptors: clean.descriptors,
  }
  must(clean.descriptors <= before + DESCRIPTORS_SLACK, `${clean.descriptors} descriptors after a clean stop, ${before} in an empty broker`)
  await clean.kill()
  const killed = await ManyBroker.start(dir)
  Object.assign(measured, { killedStartMs: killed.startMs, killedMemoryMiB: killed.memory / MIB, killedDescriptors: killed.descriptors })
  channel = await openChannel(killed.port)
  for (const partition of [0, partitions - 1]) {
    must(listing(await fetchFrom(channel, 'wide', 0, { partition })).join() === '0:v', `partition ${partition} has lost its record`)
  }
  channel.close()
  await killed.stop()
  return measured
}

/** Idle connections are all answered, give back what they took, and are closed when they say nothing for too long. */
export async function manyConnections(dir: string, count: number, idleMs: number): Promise<Measured> {
  const broker = await ManyBroker.start(dir, { 'connections.max.idle.ms': idleMs })
  const clients = new ManyClients(broker.port)
  try {
    const { descriptors, memory } = broker
    const opened = await clients.tell(`open ${count}`)
    must(opened['open'] === count, `${opened['open']} of ${count} connections`)
    const taken = broker.descriptors - descriptors
    must(Math.abs(taken - count) <= DESCRIPTORS_SLACK, `${taken} descriptors for ${count} connections`)
    const asked = await clients.tell('ask')
    must(asked['answered'] === count, `${asked['answered']} of ${count} answered`)
    const bytesPerConnection = (broker.memory - memory) / count
    await until('the idle ones are closed', () => broker.descriptors <= descriptors + DESCRIPTORS_SLACK, {
      patienceMs: 3 * idleMs + 30_000,
    })
    await until('the clients know', async () => (await clients.tell('count'))['open'] === 0)
    return { connections: count, bytesPerConnection }
  } finally {
    await clients.end()
    await broker.stop()
  }
}

/** Few descriptors, many partitions, a storm of connections: who was there stays and is served, and after the storm all is as before. */
export async function fewDescriptors(dir: string, limit: number, partitions: number, storm: number): Promise<Measured> {
  const broker = await ManyBroker.start(dir, { 'num.partitions': partitions }, { descriptors: limit })
  const channel = await openChannel(broker.port)
  const clients = new ManyClients(broker.port)
  try {
    must(
      broker.warnings.some((line) => line.includes(`only ${limit} files may be open`)),
      'the limit is told at the start',
    )
    await createTopic(channel, 'wide', partitions)
    const round = async (value: string): Promise<void> => {
      for (let from = 0; from < partitions; from += 50) {
        const indexes = Array.from({ length: Math.min(50, partitions - from) }, (_, i) => from + i)
        const answers = await Promise.all(indexes.map((partition) => produce(channel, 'wide', batch([value]), { partition })))
        for (const { error } of answers) must(error === 'NONE', `${error} during '${value}'`)
      }
    }
    await round('calm')
    const begun = clients.tell(`open ${storm}`)
    await round('storm')
    const { open, refused } = await begun
    must(open! + refused! === storm && refused! > 0, `${open} open, ${refused} refused`)
    must(broker.alive && !channel.closed, 'the broker and the connection that was there live on')
    await round('full')
    await clients.tell('close')
    await until('a new connection is taken', async () => (await clients.tell('open 1'))['open'] === 1, { patienceMs: 10_000 })
    await round('after')
    channel.close()
    await broker.stop()
    // Enough of them for a reader, too: nothing is damaged.
    const again = await ManyBroker.start(dir, {}, { descriptors: limit })
    const reader = await openChannel(again.port)
    for (let partition = 0; partition < partitions; partition++) {
      const found = listing(await fetchFrom(reader, 'wide', 0, { partition })).join()
      must(found === '0:calm,1:storm,2:full,3:after', `partition ${partition} has ${found}`)
    }
    reader.close()
    await again.stop()
    return { limit, partitions, storm, taken: open!, refused: refused! }
  } finally {
    channel.close()
    await clients.end()
    await broker.kill()
  }
}

/** Clients that ask for much and read nothing leave a bounded amount in memory, and nobody else notices. */
export async function slowReaders(
  dir: string,
  count: number,
  requests: number,
  memoryMax: number,
  batchBytes = 200_000,
): Promise<Measured> {
  const broker = await ManyBroker.start(dir, { durability: 'page-cache' })
  const channel = await openChannel(broker.port)
  const clients = new ManyClients(broker.port)
  try {
    await createTopic(channel, 'big')
    const value = 'x'.repeat(batchBytes)
    for (let bytes = 0; bytes < 64 * MIB; bytes += value.length) await produce(channel, 'big', batch([value]))
    for (let i = 0; i < 20; i++) await fetchFrom(channel, 'big', i)
    const before = broker.memory
    await clients.tell(`open ${count}`)
    await clients.tell(`fetch big ${requests}`)
    await clients.tell('drip')
    let most = 0
    for (let i = 0; i < 20; i++) {
      const offset = (i * 7) % Math.floor((60 * MIB) / batchBytes)
      must((await fetchFrom(channel, 'big', offset)).records!.length > value.length, 'the others are served')
      most = Math.max(most, broker.memory - before)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    must(most < memoryMax, `${(most / MIB).toFixed(0)} MiB for ${count} slow readers`)
    return { readers: count, requests, batchBytes, extraMiB: most / MIB }
  } finally {
    channel.close()
    await clients.end()
    await broker.kill()
  }
}
