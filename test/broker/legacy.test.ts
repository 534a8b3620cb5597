import test from 'ava'

import { errorName } from '../../core/protocol/errors.ts'
import { ListOffsets } from '../../core/protocol/messages/list-offsets.ts'
import { BatchBuilder } from '../../core/record/builder.ts'
import { decodeMessageSet } from '../../core/record/legacy-decode.ts'
import { encodeMessage } from '../../core/record/legacy-encode.ts'
import { startBroker } from '../support/start-broker.ts'
import { batch, createTopic, fetchFrom, listing, open, produce } from '../support/wire.ts'

const old = (records: Buffer | null): string[] =>
  decodeMessageSet(records!, 1 << 20).messages.map(
    ({ offset, magic, timestamp, value }) => `${offset} ${magic} ${timestamp} ${value!.toString()}`,
  )

test('Produce 0 to 2 stores record batches, Fetch 0 to 3 answers message sets', async (t) => {
  const broker = await startBroker(t)
  const channel = await open(t, broker)
  await createTopic(channel, 'a')
  const time = 1_700_000_000_000
  const set = (magic: 0 | 1): Buffer =>
    Buffer.concat([7, 9].map((n) => encodeMessage({ offset: n, timestamp: time, key: null, value: Buffer.from(`m${n}`) }, { magic })))
  t.is((await produce(channel, 'a', set(0), { version: 0, acks: 1 })).baseOffset, 0)
  t.is((await produce(channel, 'a', set(1), { version: 2, acks: 1 })).baseOffset, 2)
  t.is((await produce(channel, 'a', set(1), { version: 2, acks: 2 })).error, 'INVALID_REQUIRED_ACKS')
  const damaged = set(1)
  damaged[20]! ^= 1
  t.is((await produce(channel, 'a', damaged, { version: 2, acks: 1 })).error, 'CORRUPT_MESSAGE')
  t.is((await produce(channel, 'a', set(1), { version: 3, acks: 1 })).error, 'INVALID_RECORD')
  t.deepEqual(listing(await fetchFrom(channel, 'a', 0)), ['0:m7', '1:m9', '2:m7', '3:m9'])
  t.deepEqual(old((await fetchFrom(channel, 'a', 1, { version: 1 })).records), ['1 0 -1 m9', '2 0 -1 m7', '3 0 -1 m9'])
  t.deepEqual(old((await fetchFrom(channel, 'a', 1, { version: 3 })).records), ['1 1 -1 m9', `2 1 ${time} m7`, `3 1 ${time} m9`])
  t.deepEqual(old((await fetchFrom(channel, 'a', 2, { version: 3, partitionMaxBytes: 1 })).records), [`2 1 ${time} m7`], 'at least one')
})

test('an old fetch is refused zstd, and refused at all where conversion is off', async (t) => {
  const broker = await startBroker(t)
  const channel = await open(t, broker)
  await createTopic(channel, 'a')
  await createTopic(channel, 'off', 1, { 'message.downconversion.enable': 'false' })
  await produce(channel, 'a', batch(['x']))
  const zstd = new BatchBuilder({ compression: 'zstd' })
  zstd.append(1, null, Buffer.from('z'))
  await produce(channel, 'a', zstd.build())
  await produce(channel, 'off', batch(['x']))
  const error = async (topic: string, offset: number, version: number): Promise<string> =>
    errorName((await fetchFrom(channel, topic, offset, { version })).errorCode)
  t.is(await error('a', 0, 2), 'NONE')
  t.is(await error('a', 1, 2), 'UNSUPPORTED_COMPRESSION_TYPE')
  t.is(await error('off', 0, 3), 'UNSUPPORTED_VERSION')
  t.is(await error('off', 0, 4), 'NONE')
})

test('ListOffsets 0 answers the ends as lists, newest first', async (t) => {
  const broker = await startBroker(t)
  const channel = await open(t, broker)
  await createTopic(channel, 'a')
  for (const value of ['a', 'b', 'c']) await produce(channel, 'a', batch([value]))
  const ask = async (timestamp: number, maxNumOffsets: number): Promise<number[]> => {
    const topics = [{ name: 'a', partitions: [{ partitionIndex: 0, timestamp, maxNumOffsets }] }]
    return (await channel.request(ListOffsets, 0, { replicaId: -1, topics })).topics[0]!.partitions[0]!.oldStyleOffsets
  }
  t.deepEqual(await ask(-1, 10), [3, 0])
  t.deepEqual(await ask(-1, 1), [3])
  t.deepEqual(await ask(-2, 10), [0])
  t.deepEqual(await ask(1, 10), [])
})
