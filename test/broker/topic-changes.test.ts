import test from 'ava'
import type { ExecutionContext } from 'ava'
import type { Channel } from '../../core/net/channel.ts'
import { errorName } from '../../core/protocol/errors.ts'
import { CreatePartitions } from '../../core/protocol/messages/create-partitions.ts'
import { DeleteTopics } from '../../core/protocol/messages/delete-topics.ts'
import { DescribeConfigs } from '../../core/protocol/messages/describe-configs.ts'
import { IncrementalAlterConfigs } from '../../core/protocol/messages/incremental-alter-configs.ts'
import type { Broker } from '../../core/broker/broker.ts'
import { create } from '../support/create-topics.ts'
import { FaultyFiles } from '../support/faulty-files.ts'
import { startBroker } from '../support/start-broker.ts'
import { batch, createTopic, fetchFrom, listing, open, produce, topicError } from '../support/wire.ts'

/** A broker on a disk in memory that can be held up where it writes something, the metadata by default. */
async function held(
  t: ExecutionContext,
): Promise<{ files: FaultyFiles; broker: Broker; channel: Channel; hold: (what?: string) => () => void }> {
  const files = new FaultyFiles()
  const broker = await startBroker(t, { dir: DIR, files, port: null })
  const hold = (what = 'metadata.json'): (() => void) => {
    const { promise, resolve } = Promise.withResolvers<void>()
    files.pause = (path) => (path.includes(what) ? promise : Promise.resolve())
    return () => {
      files.pause = () => Promise.resolve()
      resolve()
    }
  }
  return { files, broker, channel: await open(t, broker, 'in-process'), hold }
}

const DIR = '/data'

/** The topics of a broker that is started after a power loss, with their partitions. */
async function survivors(t: ExecutionContext, files: FaultyFiles): Promise<string[]> {
  const disk = files.afterPowerLoss({ random: () => 0 })
  disk.unlink(`${DIR}/.lock`)
  const broker = await startBroker(t, { dir: DIR, files: disk, port: null })
  return Array.from(broker.topics(), ({ name, partitions }) => `${name}:${partitions}`).toSorted()
}

async function grow(channel: Channel, name: string, count: number): Promise<string> {
  const { results } = await channel.request(CreatePartitions, 3, {
    topics: [{ name, count, assignments: null }],
    timeoutMs: 1000,
    validateOnly: false,
  })
  return errorName(results[0]!.errorCode)
}

async function deleteTopic(channel: Channel, name: string): Promise<string> {
  const { responses } = await channel.request(DeleteTopics, 3, { topicNames: [name], timeoutMs: 1000 })
  return errorName(responses[0]!.errorCode)
}

test('a change of topics is seen when the disk has it, and others are answered meanwhile', async (t) => {
  const { files, broker, channel, hold } = await held(t)
  await createTopic(channel, 'old')
  await createTopic(channel, 'grows')
  const other = await open(t, broker, 'in-process')
  const release = hold()
  let answers = 0
  const count = (): void => void answers++
  const making = createTopic(channel, 'new').finally(count)
  const deleting = deleteTopic(channel, 'old').finally(count)
  const growing = grow(channel, 'grows', 2).finally(count)
  t.is(await topicError(other, 'new', false), 'UNKNOWN_TOPIC_OR_PARTITION')
  t.is((await produce(other, 'new', batch(['early']))).error, 'UNKNOWN_TOPIC_OR_PARTITION')
  t.is((await produce(other, 'grows', batch(['early']), { partition: 1 })).error, 'UNKNOWN_TOPIC_OR_PARTITION')
  t.is((await produce(other, 'old', batch(['still here']))).error, 'NONE')
  t.is(answers, 0)
  t.deepEqual(await survivors(t, files), ['grows:1', 'old:1'])
  release()
  await making
  t.is(await deleting, 'NONE')
  t.is(await growing, 'NONE')
  t.is((await produce(other, 'new', batch(['x']))).error, 'NONE')
  t.is((await produce(other, 'grows', batch(['x']), { partition: 1 })).error, 'NONE')
  t.is(await topicError(other, 'old', false), 'UNKNOWN_TOPIC_OR_PARTITION')
  t.deepEqual(await survivors(t, files), ['grows:2', 'new:1'])
})

test('changes of topics that come at the same time find what those before them have left', async (t) => {
  const { broker, channel, hold } = await held(t)
  const other = await open(t, broker, 'in-process')
  const release = hold()
  const made = Promise.all(['a', 'a', 'b.c', 'b_c'].map(async (name) => (await create(channel, [{ name }]))[0]![0]))
  const auto = Promise.all([topicError(channel, 'auto', true), topicError(channel, 'auto', true)])
  release()
  t.deepEqual(await made, ['NONE', 'TOPIC_ALREADY_EXISTS', 'NONE', 'INVALID_TOPIC_EXCEPTION'])
  t.deepEqual(await auto, ['NONE', 'NONE'])
  await produce(channel, 'a', batch(['of the old one']))
  const again = hold('recovery-point-offset-checkpoint')
  const deletions = [deleteTopic(channel, 'a'), deleteTopic(channel, 'a')]
  while ((await topicError(other, 'a', false)) === 'NONE') await new Promise((resolve) => setImmediate(resolve))
  let isMade = false
  // What is noted of the old one must not become that of the new one.
  const remade = createTopic(other, 'a').then(() => (isMade = true))
  t.is(await topicError(await open(t, broker, 'in-process'), 'a', false), 'UNKNOWN_TOPIC_OR_PARTITION')
  t.false(isMade)
  const grown = [grow(channel, 'auto', 4), grow(channel, 'auto', 3)]
  const alter = (name: string) =>
    channel.request(IncrementalAlterConfigs, 1, {
      resources: [{ resourceType: 2, resourceName: 'auto', configs: [{ name, configOperation: 0, value: '1000000' }] }],
      validateOnly: false,
    })
  const altered = [alter('retention.ms'), alter('segment.bytes')]
  again()
  t.deepEqual(await Promise.all(deletions), ['NONE', 'UNKNOWN_TOPIC_OR_PARTITION'])
  await remade
  t.deepEqual(listing(await fetchFrom(channel, 'a', 0)), [])
  t.deepEqual(await Promise.all(grown), ['NONE', 'INVALID_PARTITIONS'])
  await Promise.all(altered)
  t.is(broker.topic('auto')!.partitions, 4)
  const { results } = await channel.request(DescribeConfigs, 4, {
    resources: [{ resourceType: 2, resourceName: 'auto', configurationKeys: null }],
  })
  const own = results[0]!.configs.filter(({ configSource }) => configSource === 1)
  t.deepEqual(own.map(({ name }) => name).toSorted(), ['retention.ms', 'segment.bytes'])
})

test('topics of one request are written down together', async (t) => {
  const { files, channel } = await held(t)
  const before = files.syncs
  const made = await create(
    channel,
    Array.from({ length: 200 }, (_, i) => ({ name: `t${i}` })),
  )
  t.deepEqual(new Set(made.map(([error]) => error)), new Set(['NONE']))
  t.true(files.syncs - before < 10, `${files.syncs - before} syncs`)
})

test('a disk that refuses while topics are made leaves nothing of them, and their names can be used again', async (t) => {
  const { files, broker, channel, hold } = await held(t)
  await createTopic(channel, 'grows')
  const release = hold()
  const made = ['a', 'b'].map((name) => create(channel, [{ name, numPartitions: 3 }]))
  const growing = grow(channel, 'grows', 2)
  files.fault = (operation, path) => (operation === 'sync' && path.includes('metadata.json') ? 'EIO' : undefined)
  release()
  for (const answer of await Promise.all(made)) t.is(answer[0]![0], 'KAFKA_STORAGE_ERROR')
  t.is(await growing, 'KAFKA_STORAGE_ERROR')
  files.fault = () => undefined
  t.deepEqual(
    Array.from(broker.topics(), ({ name, partitions }) => `${name}:${partitions}`),
    ['grows:1'],
  )
  t.deepEqual(
    files.readdir(DIR).filter(({ name }) => /^[ab]-|^grows-1/.test(name) && !name.endsWith('-delete')),
    [],
  )
  t.deepEqual(
    (await create(channel, [{ name: 'a' }, { name: 'b' }])).map(([error]) => error),
    ['NONE', 'NONE'],
  )
})

test('a broker that is closed while a topic is made leaves the directory when the disk is done with it', async (t) => {
  const { files, broker, channel, hold } = await held(t)
  const release = hold()
  const making = createTopic(channel, 'a').catch(() => {})
  await topicError(await open(t, broker, 'in-process'), 'a', false)
  channel.close()
  let closed = false
  const closing = broker.close().then(() => (closed = true))
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve))
  t.false(closed)
  release()
  await closing
  await making
  const again = await startBroker(t, { dir: DIR, files, port: null })
  t.deepEqual(
    Array.from(again.topics(), ({ name }) => name),
    ['a'],
  )
})
