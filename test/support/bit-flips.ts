import { setImmediate as turn } from 'node:timers/promises'
import { ManualClock, systemClock } from '../../core/base/clock.ts'
import { MoldauError } from '../../core/base/errors.ts'
import { Broker } from '../../core/broker/broker.ts'
import { connect } from '../../core/index.ts'
import { Channel } from '../../core/net/channel.ts'
import { errorName } from '../../core/protocol/errors.ts'
import { nextOffset } from '../../core/record/batch.ts'
import { FaultyFiles } from './faulty-files.ts'
import { seededNumbers } from './seeded-numbers.ts'
import { batch, createTopic, fetchFrom, listing, produce } from './wire.ts'

const DIR = '/machine/data'
const TOPIC = 'a'
const config = {
  durability: 'disk',
  'offsets.topic.num.partitions': 1,
  'transaction.state.log.num.partitions': 1,
  'log.segment.bytes': 1500,
  'log.index.interval.bytes': 150,
  'log.message.timestamp.after.max.ms': Infinity,
}

/** What is read back from a broker, stepping over what it says is damaged. */
interface Found {
  records: Map<string, string>
  /** Positions of the group. */
  offsets: string
  errors: string[]
}

interface Image {
  disk: FaultyFiles
  truth: Found
}

/** A broker's folder with everything in it, after a clean stop, or after a kill with all of it synced and checkpointed. */
export async function image(clean: boolean): Promise<Image> {
  const files = new FaultyFiles()
  files.mkdir(DIR)
  const clock = new ManualClock()
  const broker = await Broker.start({ dir: DIR, files, port: null, clock, config })
  const channel = await dial(broker)
  await createTopic(channel, TOPIC, 2, { 'retention.ms': '-1' })
  await createTopic(channel, 'deleted')
  for (let i = 0; i < 40; i++) await produce(channel, TOPIC, batch([`plain ${i}`, `second ${i}`]), { partition: i % 2 })
  const client = await connect(broker)
  const producer = client.producer({ transactionalId: 'tx' })
  for (let i = 0; i < 12; i++) {
    producer.begin()
    for (const partition of [0, 1]) await producer.send({ topic: TOPIC, partition, value: Buffer.from(`tx ${i}`) })
    if (i % 3 === 0) await producer.abort()
    else await producer.commit()
  }
  const consumer = client.consumer({ groupId: 'g' })
  await consumer.commit([{ topic: TOPIC, partition: 0, offset: 17 }])
  await client.admin.deleteTopics(['deleted'])
  await client.close()
  channel.close()
  if (clean) await broker.close()
  else {
    clock.advance(61_000)
    // The checkpoints of this minute.
    for (let i = 0; i < 20; i++) await turn()
  }
  const disk = files.copy()
  if (!clean) {
    disk.unlink(`${DIR}/.lock`)
    files.fault = () => 'EIO'
    await broker.close()
  }
  const again = await Broker.start({ dir: DIR, files: disk.copy(), port: null, clock, config })
  const truth = await readEverything(again)
  await again.close()
  return { disk, truth }
}

/** Flips `count` bits, one at a time, at random places of all files, and answers what went wrong in silence. */
export async function flipBits(
  { disk, truth }: Image,
  count: number,
  seed: number,
): Promise<{ faults: string[]; refused: number; named: number }> {
  const random = seededNumbers(seed)
  const paths = disk.paths().filter((path) => path.startsWith(DIR) && disk.content(path).length > 0)
  const faults: string[] = []
  let refused = 0
  let named = 0
  for (let i = 0; i < count; i++) {
    const path = paths[Math.floor(random() * paths.length)]!
    const at = Math.floor(random() * disk.content(path).length)
    const what = `${path} byte ${at}`
    const files = disk.copy()
    files.content(path)[at]! ^= 1 << Math.floor(random() * 8)
    const said: string[] = []
    const note = (fields: object, message: string): void => void said.push(`${JSON.stringify(fields)} ${message}`)
    const logger = { debug() {}, info() {}, warn: note, error: note }
    let broker: Broker
    try {
      broker = await Broker.start({ dir: DIR, files, port: null, clock: new ManualClock(), config, logger })
    } catch (error) {
      refused++
      if (!(error instanceof MoldauError) || !error.message.includes(path))
        faults.push(`${what}: does not start and does not say why: ${String(error)}`)
      continue
    }
    const found = await readEverything(broker)
    await broker.close()
    for (const [key, value] of found.records) if (truth.records.get(key) !== value) faults.push(`${what}: ${key} is ${value}`)
    const missing = [...truth.records.keys()].filter((key) => !found.records.has(key))
    // Of one batch, once in each view.
    if (missing.length > 4) faults.push(`${what}: ${missing.length} records are gone`)
    if (missing.length > 0 && !path.endsWith('.log')) faults.push(`${what}: records are gone: ${missing.join(' ')}`)
    if (missing.length > 0 && found.errors.length === 0) faults.push(`${what}: ${missing.join(' ')} gone without a word`)
    const isOffsets = path.includes('__consumer_offsets') && path.endsWith('.log')
    if (found.offsets !== truth.offsets && !(isOffsets && said.length > 0)) faults.push(`${what}: committed ${found.offsets}`)
    if (found.errors.length > 0) {
      named++
      if (!said.some((line) => line.includes(path))) faults.push(`${what}: the log does not name the file: ${said.join(' ')}`)
    }
  }
  return { faults, refused, named }
}

async function dial(broker: Broker): Promise<Channel> {
  return new Channel(await broker.dialer.dial('', 0), { clientId: 'flips', clock: systemClock })
}

async function readEverything(broker: Broker): Promise<Found> {
  const channel = await dial(broker)
  const found: Found = { records: new Map(), offsets: '', errors: [] }
  for (const partition of [0, 1]) {
    for (let offset = 0; ;) {
      const fetched = await fetchFrom(channel, TOPIC, offset, { partition, partitionMaxBytes: 1, version: 11 })
      if (fetched.errorCode !== 0) {
        const name = errorName(fetched.errorCode)
        if (name === 'OFFSET_OUT_OF_RANGE') break
        found.errors.push(`${partition} ${offset} ${name}`)
        offset++
        continue
      }
      const records = fetched.records ?? Buffer.alloc(0)
      if (records.length === 0) break
      // Markers are written again when they are damaged, and nobody reads them.
      for (const line of listing(fetched))
        if (/:(plain|second|tx) /.test(line)) found.records.set(`${partition}:${line.split(':')[0]}`, line)
      offset = Math.max(offset + 1, nextOffset(records, 0))
    }
    // What was aborted, as the broker tells a reader of committed records.
    const fetched = await fetchFrom(channel, TOPIC, 0, { partition, committed: true, partitionMaxBytes: 1 << 20 })
    if (fetched.errorCode === 0 && found.errors.length === 0) {
      for (const { producerId, firstOffset } of fetched.abortedTransactions ?? [])
        found.records.set(`${partition} aborted ${firstOffset}`, String(producerId))
    }
  }
  const client = await connect(broker)
  found.offsets = JSON.stringify(await client.admin.listConsumerGroupOffsets('g').catch((error: Error) => error.message))
  await client.close()
  channel.close()
  return found
}
