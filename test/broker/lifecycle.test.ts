import { writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'

import test from 'ava'

import { MoldauError } from '../../core/base/errors.ts'
import { Broker } from '../../core/broker/broker.ts'
import { connect as connectClient } from '../../core/index.ts'
import type { Channel } from '../../core/net/channel.ts'
import { DeleteTopics } from '../../core/protocol/messages/delete-topics.ts'
import { InitProducerId } from '../../core/protocol/messages/init-producer-id.ts'
import { ChildBroker } from '../support/child-broker.ts'
import { FaultyFiles } from '../support/faulty-files.ts'
import { startBroker, tempDir } from '../support/start-broker.ts'
import { batch, createTopic, fetchFrom, listing, open, produce, topicError } from '../support/wire.ts'

/** Sends bytes as they are; answers what comes back until the broker ends the connection. */
function talk(port: number, bytes: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes))
    socket.on('data', (chunk: Buffer) => chunks.push(chunk))
    socket.on('close', () => resolve(Buffer.concat(chunks)))
    socket.on('error', reject)
  })
}

test('groups are found again under another setting for the partitions of their topic', async (t) => {
  const dir = await tempDir(t)
  const commitAndClose = async (broker: Broker, offset: number) => {
    const client = await connectClient(broker)
    await client.admin.createTopics([{ name: 'counted', partitions: 1 }], { ignoreExisting: true })
    const consumer = client.consumer({ groupId: 'counting' })
    const before = await client.admin.listConsumerGroupOffsets('counting')
    await consumer.commit([{ topic: 'counted', partition: 0, offset }])
    await client.close()
    await broker.close()
    return before.map((committed) => committed.offset)
  }
  t.deepEqual(await commitAndClose(await startBroker(t, { dir, config: { 'offsets.topic.num.partitions': 3 } }), 7), [])
  t.deepEqual(await commitAndClose(await startBroker(t, { dir, config: { 'offsets.topic.num.partitions': 50 } }), 8), [7])
  t.deepEqual(await commitAndClose(await startBroker(t, { dir, config: { 'offsets.topic.num.partitions': 1 } }), 9), [8])
})

test('a broker that is stopped and started again has everything it had', async (t) => {
  const dir = await tempDir(t)
  const first = await Broker.start({ dir })
  const channel = await open(t, first)
  const topicId = await createTopic(channel, 'kept', 2, { 'retention.ms': '-1' })
  await createTopic(channel, 'gone')
  await produce(channel, 'kept', batch(['x', 'y']), { partition: 1 })
  await channel.request(DeleteTopics, 3, { topicNames: ['gone'], timeoutMs: 1000 })
  await first.close()
  const second = await startBroker(t, { dir })
  t.is(second.clusterId, first.clusterId)
  const again = await open(t, second)
  t.is(await topicError(again, 'gone', false), 'UNKNOWN_TOPIC_OR_PARTITION')
  t.deepEqual(listing(await fetchFrom(again, 'kept', 0, { partition: 1 })), ['0:x', '1:y'])
  t.is((await produce(again, 'kept', batch(['z']), { partition: 1 })).baseOffset, 2)
  await t.throwsAsync(createTopic(again, 'kept'), { message: /TOPIC_ALREADY_EXISTS/ })
  t.is(topicId.length, 22)
})

test('a topic made again under an old name does not see the old records after a restart', async (t) => {
  const dir = await tempDir(t)
  const first = await Broker.start({ dir })
  const channel = await open(t, first)
  await createTopic(channel, 'a')
  await produce(channel, 'a', batch(['old']))
  await channel.request(DeleteTopics, 3, { topicNames: ['a'], timeoutMs: 1000 })
  await createTopic(channel, 'a')
  await first.close()
  const again = await open(t, await startBroker(t, { dir }))
  t.deepEqual(listing(await fetchFrom(again, 'a', 0)), [])
})

test('stopping answers the requests that have come, also a fetch that waits, and frees port and directory', async (t) => {
  const dir = await tempDir(t)
  const broker = await Broker.start({ dir })
  const channel = await open(t, broker)
  await createTopic(channel, 'a')
  const waiting = fetchFrom(channel, 'a', 0, { maxWaitMs: 60_000 })
  const ended = new Promise<void>((resolve) => channel.onClose(() => resolve()))
  // By the time a connection made later has an answer, the fetch has been read.
  await topicError(await open(t, broker), 'a', false)
  await Promise.all([broker.close(), broker.close()])
  t.is((await waiting).errorCode, 0)
  await ended
  await t.throwsAsync(broker.dialer.dial('', 0), { message: /closed/ })
  const again = await Broker.start({ dir, port: broker.port! })
  t.is(again.port, broker.port)
  await again.close()
})

test('a broker without TCP is reached in its process', async (t) => {
  const broker = await startBroker(t, { port: null })
  t.is(broker.port, null)
  t.is(broker.bootstrap, 'in-process')
  const channel = await open(t, broker, 'in-process')
  await createTopic(channel, 'a')
  t.is((await produce(channel, 'a', batch(['x']))).error, 'NONE')
})

test('a port in use is told with the remedy, and the directory is free again', async (t) => {
  const dir = await tempDir(t)
  const other = createServer()
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
  t.teardown(() => other.close())
  const { port } = other.address() as AddressInfo
  const error = await t.throwsAsync(Broker.start({ dir, port }), { instanceOf: MoldauError })
  t.is(error.code, 'PORT_IN_USE')
  await startBroker(t, { dir })
})

test('a directory that cannot be used is told at the start', async (t) => {
  const dir = await tempDir(t)
  await startBroker(t, { dir })
  t.is((await t.throwsAsync(Broker.start({ dir }), { instanceOf: MoldauError })).code, 'DIRECTORY_UNUSABLE')
  const file = join(await tempDir(t), 'file')
  await writeFile(file, '')
  t.is((await t.throwsAsync(Broker.start({ dir: file }), { instanceOf: MoldauError })).code, 'DIRECTORY_UNUSABLE')
  t.is((await t.throwsAsync(Broker.start({ dir: '/dev/null/data' }), { instanceOf: MoldauError })).code, 'DIRECTORY_UNUSABLE')
  const damaged = await tempDir(t)
  await writeFile(join(damaged, 'metadata.json'), 'no json')
  const error = await t.throwsAsync(Broker.start({ dir: damaged }), { instanceOf: MoldauError })
  t.regex(error.message, /metadata\.json/)
})

test('bytes that are no protocol cost their connection, and nobody else', async (t) => {
  const broker = await startBroker(t)
  const good = await open(t, broker)
  await createTopic(good, 'a')
  const hostile = [
    Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
    Buffer.from([0xff, 0xff, 0xff, 0xff]),
    Buffer.from([0, 0, 0, 2, 0, 0]),
    Buffer.from([0, 0, 0, 10, 0x03, 0xe7, 0, 0, 0, 0, 0, 0, 0xff, 0xff]), // api key 999
    Buffer.from([0, 0, 0, 10, 0, 3, 0, 99, 0, 0, 0, 0, 0xff, 0xff]), // Metadata version 99
    Buffer.from([0, 0, 0, 12, 0, 3, 0, 1, 0, 0, 0, 0, 0xff, 0xff, 0x7f, 0xff]), // a list longer than its frame
  ]
  const answers = await Promise.all(hostile.map((bytes) => talk(broker.port!, bytes)))
  t.true(answers.every((answer) => answer.length === 0))
  t.is((await produce(good, 'a', batch(['still here']))).error, 'NONE')
})

test('an unknown version of ApiVersions is answered with error 35 in the form of version 0', async (t) => {
  const broker = await startBroker(t)
  const answer = await new Promise<Buffer>((resolve) => {
    const socket = connect(broker.port!, '127.0.0.1', () =>
      socket.write(Buffer.from([0, 0, 0, 11, 0, 18, 0, 77, 0, 0, 0, 5, 0xff, 0xff, 0])),
    )
    socket.once('data', (chunk: Buffer) => {
      socket.destroy()
      resolve(chunk)
    })
  })
  t.is(answer.readInt32BE(4), 5)
  t.is(answer.readInt16BE(8), 35)
  t.true(answer.readInt32BE(10) > 10)
})

test('settings that do not exist or cannot be are refused by name, with the closest one that exists', async (t) => {
  const dir = await tempDir(t)
  const refused = async (config: Record<string, string | number | boolean>): Promise<string> => {
    const error = await t.throwsAsync(Broker.start({ dir, config }), { instanceOf: MoldauError })
    t.is(error.code, 'INVALID_CONFIG')
    return error.message
  }
  t.regex(await refused({ 'num.partition': 3 }), /num\.partition'.*did you mean 'num\.partitions'/)
  t.regex(await refused({ autoCreateTopicEnable: true }), /auto\.create\.topics\.enable/)
  t.regex(await refused({ 'num.partitions': 0 }), /num\.partitions/)
  t.regex(await refused({ 'num.partitions': 'many' }), /num\.partitions/)
  t.regex(await refused({ durability: 'none' }), /page-cache/)
})

test('producer ids are never given out twice, also not after a restart', async (t) => {
  const dir = await tempDir(t)
  const seen = new Set<number>()
  for (let run = 0; run < 3; run++) {
    const broker = await Broker.start({ dir })
    const channel = await open(t, broker)
    for (let i = 0; i < 3; i++)
      seen.add((await channel.request(InitProducerId, 4, { transactionalId: null, transactionTimeoutMs: 1000 })).producerId)
    await broker.close()
  }
  t.is(seen.size, 9)
})

test('with durability disk, what was acknowledged with acks=all survives the loss of power', async (t) => {
  const dir = await tempDir(t)
  const files = new FaultyFiles()
  const first = await Broker.start({ dir, files, port: null })
  const channel = await open(t, first, 'in-process')
  await createTopic(channel, 'a')
  for (let i = 0; i < 20; i++) t.is((await produce(channel, 'a', batch([`v${i}`]))).error, 'NONE')
  await produce(channel, 'a', batch(['not waited for']), { acks: 1 })
  // The machine is gone and comes up with what was synced; the broker that ran does not know.
  files.powerLoss()
  const disk = files.copy()
  disk.unlink(join(dir, '.lock'))
  const second = await Broker.start({ dir, files: disk, port: null })
  const again = await open(t, second, 'in-process')
  t.deepEqual(
    listing(await fetchFrom(again, 'a', 0)).slice(0, 20),
    Array.from({ length: 20 }, (_, i) => `${i}:v${i}`),
  )
  await second.close()
  await first.close()
})

test('a disk that refuses fails the produce request, not the broker, and is used again when it works', async (t) => {
  const dir = await tempDir(t)
  const files = new FaultyFiles()
  const broker = await Broker.start({ dir, files, port: null })
  const works = new Promise<void>((resolve) =>
    broker.events.on('directoryChanged', ({ directory }) => directory.state === 'online' && resolve()),
  )
  const channel = await open(t, broker, 'in-process')
  await createTopic(channel, 'a')
  await createTopic(channel, 'b')
  files.fault = (operation, path) => (operation === 'sync' && path.includes('a-0') ? 'EIO' : undefined)
  t.is((await produce(channel, 'a', batch(['x']))).error, 'KAFKA_STORAGE_ERROR')
  t.is((await produce(channel, 'a', batch(['y']))).error, 'KAFKA_STORAGE_ERROR')
  t.is((await produce(channel, 'b', batch(['z']))).error, 'NONE')
  files.fault = (operation) => (operation === 'write' ? 'ENOSPC' : undefined)
  t.is((await produce(channel, 'b', batch(['full']))).error, 'KAFKA_STORAGE_ERROR')
  await t.throwsAsync(createTopic(channel, 'c'), { message: /KAFKA_STORAGE_ERROR/ })
  t.deepEqual(
    Array.from(broker.topics(), ({ name }) => name),
    ['a', 'b'],
  )
  t.like(broker.directory, { path: dir, state: 'failing', affected: ['a-0', 'b-0'] })
  t.deepEqual(listing(await fetchFrom(channel, 'b', 0)), ['0:z'])
  files.fault = () => undefined
  await works
  t.is(broker.directory.state, 'online')
  t.is((await produce(channel, 'b', batch(['room again']))).baseOffset, 1)
  t.is((await produce(channel, 'a', batch(['z']))).baseOffset, 1)
  t.deepEqual(listing(await fetchFrom(channel, 'a', 0)), ['0:x', '1:z'])
  await broker.close()
})

/** Sends numbered records from `next` on, several in flight, until the connection ends; answers the first number without an answer. */
async function produceUntilKilled(
  channel: Channel,
  next: number,
  ids: { producerId: number; producerEpoch: number },
  onFirst: () => void,
): Promise<number> {
  let acknowledged = next
  let failed = false
  const inFlight = new Set<Promise<void>>()
  for (let number = next; !failed; number++) {
    const sent = produce(channel, 'a', batch([`n${number}`], { ...ids, baseSequence: number })).then(
      ({ error }) => {
        if (error === 'NONE' && number === next) onFirst()
        if (error === 'NONE' && number === acknowledged) acknowledged = number + 1
        else failed = true
      },
      () => void (failed = true),
    )
    inFlight.add(sent)
    void sent.finally(() => inFlight.delete(sent))
    if (inFlight.size >= 5) await Promise.race(inFlight)
  }
  await Promise.all(inFlight)
  return acknowledged
}

test('a broker killed while an idempotent producer sends loses nothing acknowledged, doubles nothing, keeps the order', async (t) => {
  const dir = await tempDir(t)
  const ids = { producerId: 5, producerEpoch: 0 }
  const broker = new ChildBroker(t, dir)
  let next = 0
  for (let round = 0; round < 3; round++) {
    await broker.start()
    const sending = await broker.open()
    if (round === 0) await createTopic(sending, 'a')
    const before = next
    // From the first answer on, so that a busy machine has something to lose as well.
    next = await produceUntilKilled(sending, next, ids, () => setTimeout(() => void broker.kill(), 50 + round * 40))
    await broker.kill()
    t.true(next > before, 'nothing was acknowledged before the kill')
  }
  const channel = await open(t, await startBroker(t, { dir }))
  const found: string[] = []
  for (let offset = 0; ; offset = found.length) {
    const lines = listing(await fetchFrom(channel, 'a', offset))
    if (lines.length === 0) break
    found.push(...lines)
  }
  t.true(found.length >= next && found.length <= next + 5, `${found.length} records for ${next} acknowledged`)
  t.deepEqual(
    found,
    found.map((_, i) => `${i}:n${i}`),
  )
})
