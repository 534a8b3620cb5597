import { ZERO_UUID } from '../../core/base/uuid.ts'
import { doneOf, at, failuresOf, until } from './admin-kit.ts'
import { clientFor, newTopic, numbers, uniqueName } from './client-kit.ts'
import type { Scenario } from './client-kit.ts'

/** Topics, their settings and their records, as an administrator sees them. */
export const adminTopicScenarios: Readonly<Record<string, Scenario>> = {
  'topics are created, checked, described and deleted, each with its own result': async (t, env) => {
    const { admin } = await clientFor(t, env)
    const [a, b, c] = [uniqueName('a'), uniqueName('b'), uniqueName('c')]
    const [{ controllerId }] = [await admin.describeCluster()]
    await admin.createTopics([{ name: a, partitions: 2 }], { validateOnly: true })
    t.false(
      (await admin.listTopics()).some(({ name }) => name === a),
      'nothing was made',
    )
    const made = await admin.createTopics([
      { name: a, partitions: 2, configs: { 'retention.ms': 60_000 } },
      { name: b, assignments: [[controllerId], [controllerId], [controllerId]] },
    ])
    t.like(made[0], { name: a, created: true, partitions: 2, replicationFactor: 1 })
    t.is(made[0]!.configs['retention.ms'], '60000')
    t.like(made[1], { name: b, partitions: 3 })
    t.not(made[0]!.topicId, ZERO_UUID)
    // Half of it can be done, and that is told.
    const half = [
      { name: a },
      { name: c },
      { name: 'not/a/name' },
      { name: `${c}2`, partitions: 0 },
      { name: `${c}3`, configs: { no: 'such' } },
    ]
    const calls = [failuresOf(t, admin.createTopics(half))]
    t.deepEqual(await calls[0], {
      [a]: 'TOPIC_ALREADY_EXISTS',
      'not/a/name': 'INVALID_TOPIC_EXCEPTION',
      [`${c}2`]: 'INVALID_PARTITIONS',
      [`${c}3`]: 'INVALID_CONFIG',
    })
    const existing = await admin.createTopics([{ name: a }, { name: c }], { ignoreExisting: true })
    t.deepEqual(
      existing.map(({ name, created }) => [name, created]),
      [
        [a, false],
        [c, false],
      ],
    )
    const [first, third] = await admin.describeTopics([a, { topicId: made[1]!.topicId }])
    t.deepEqual([first!.name, third!.name, third!.partitions.length], [a, b, 3])
    t.is(first!.authorizedOperations, undefined)
    t.like(first!.partitions[1], { partition: 1, leader: controllerId, replicas: [controllerId], isr: [controllerId], offlineReplicas: [] })
    t.deepEqual(await failuresOf(t, admin.describeTopics([a, `${a}-none`])), { [`${a}-none`]: 'UNKNOWN_TOPIC' })
    t.deepEqual(await doneOf(admin.describeTopics([a, `${a}-none`])), [a])
    t.true((await admin.describeTopics([a], { includeAuthorizedOperations: true }))[0]!.authorizedOperations!.includes('alterConfigs'))
    await admin.deleteTopics([a, { topicId: made[1]!.topicId }])
    t.deepEqual(await failuresOf(t, admin.deleteTopics([a, c, { topicId: made[1]!.topicId }])), {
      [a]: 'UNKNOWN_TOPIC_OR_PARTITION',
      [made[1]!.topicId]: 'UNKNOWN_TOPIC_ID',
    })
    await until(
      () => admin.listTopics(),
      (topics) => !topics.some(({ name }) => [a, b, c].includes(name)),
    )
    t.deepEqual(await admin.describeTopics([]), [])
  },

  'a description in pages is whole, and in the order of the names': async (t, env) => {
    const { admin } = await clientFor(t, env)
    const names = [uniqueName('z'), uniqueName('y'), uniqueName('x')]
    await admin.createTopics(names.map((name, i) => ({ name, partitions: 2 + i })))
    for (const partitionSizeLimitPerResponse of [1, 2, 3, 100]) {
      const described = await admin.describeTopics(names, { partitionSizeLimitPerResponse })
      t.deepEqual(
        described.map(({ name, partitions }) => [name, partitions.map(({ partition }) => partition)]),
        names.map((name, i) => [name, Array.from({ length: 2 + i }, (_, p) => p)]),
      )
    }
  },

  'partitions are added, and never taken away': async (t, env) => {
    const { admin } = await clientFor(t, env)
    const [a, b] = [uniqueName('a'), uniqueName('b')]
    await admin.createTopics([{ name: a }, { name: b, partitions: 3 }])
    await admin.createPartitions([{ topic: a, count: 4 }], { validateOnly: true })
    t.is((await admin.describeTopics([a]))[0]!.partitions.length, 1)
    const wanted = [
      { topic: a, count: 2 },
      { topic: b, count: 2 },
      { topic: `${b}-none`, count: 2 },
    ]
    t.deepEqual(await failuresOf(t, admin.createPartitions(wanted)), {
      [b]: 'INVALID_PARTITIONS',
      [`${b}-none`]: 'UNKNOWN_TOPIC_OR_PARTITION',
    })
    await until(
      () => admin.describeTopics([a]),
      ([topic]) => topic!.partitions.length === 2,
    )
  },

  'settings are set, deleted, lengthened and shortened one by one': async (t, env) => {
    const { admin } = await clientFor(t, env)
    const [a, b] = [uniqueName('a'), uniqueName('b')]
    await admin.createTopics([{ name: a, configs: { 'retention.ms': 1000 } }, { name: b }])
    const shown = async (name = a, keys = ['cleanup.policy', 'retention.ms']) => {
      const [described] = await admin.describeConfigs([{ type: 'topic', name }], { keys })
      return Object.fromEntries(described!.entries.map((entry) => [entry.name, entry.value]))
    }
    await admin.incrementalAlterConfigs([{ type: 'topic', name: a, set: { 'retention.ms': 5 } }], { validateOnly: true })
    await admin.incrementalAlterConfigs([
      { type: 'topic', name: a, append: { 'cleanup.policy': 'compact' }, delete: ['retention.ms'] },
      { type: 'topic', name: b, set: { 'retention.ms': 7 } },
    ])
    await until(shown, (settings) => settings['cleanup.policy'] === 'delete,compact' && settings['retention.ms'] === '604800000')
    await admin.incrementalAlterConfigs([{ type: 'topic', name: a, subtract: { 'cleanup.policy': 'delete' } }])
    await until(shown, (settings) => settings['cleanup.policy'] === 'compact')
    await until(
      () => shown(b),
      (settings) => settings['retention.ms'] === '7',
    )
    const wrong = [
      { type: 'topic', name: a, set: { 'retention.ms': 'soon' } },
      { type: 'topic', name: `${a}-none`, set: { 'retention.ms': 1 } },
      { type: 'topic', name: b, set: { 'retention.ms': 8 } },
    ] as const
    t.deepEqual(await failuresOf(t, admin.incrementalAlterConfigs(wrong)), {
      [`topic ${a}`]: 'INVALID_CONFIG',
      [`topic ${a}-none`]: 'UNKNOWN_TOPIC_OR_PARTITION',
    })
    await until(
      () => shown(b),
      (settings) => settings['retention.ms'] === '8',
    )
  },

  'settings say where they come from, what they are and what they are for': async (t, env) => {
    const { admin } = await clientFor(t, env)
    const { controllerId } = await admin.describeCluster()
    const a = uniqueName('a')
    await admin.createTopics([{ name: a, configs: { 'retention.ms': 1000 } }])
    const [topic, broker] = await admin.describeConfigs(
      [
        { type: 'topic', name: a },
        { type: 'broker', name: String(controllerId) },
      ],
      { includeSynonyms: true, includeDocumentation: true },
    )
    const retention = topic!.entries.find(({ name }) => name === 'retention.ms')!
    t.like(retention, { value: '1000', source: 'dynamicTopicConfig', isDefault: false, type: 'long', readOnly: false, sensitive: false })
    t.deepEqual(retention.synonyms[0], { name: 'retention.ms', value: '1000', source: 'dynamicTopicConfig' })
    t.truthy(retention.documentation)
    t.like(
      topic!.entries.find(({ name }) => name === 'segment.bytes'),
      { source: 'defaultConfig', isDefault: true, type: 'int' },
    )
    t.like(
      broker!.entries.find(({ name }) => name === 'offsets.topic.num.partitions'),
      { source: 'staticBrokerConfig', readOnly: true },
    )
    // Of the cluster as a whole, of a group and of client metrics.
    const [metrics, group] = [uniqueName('metrics'), uniqueName('group')]
    await admin.incrementalAlterConfigs([
      { type: 'broker', name: '', set: { 'log.cleaner.threads': 1 } },
      { type: 'group', name: group, set: { 'consumer.session.timeout.ms': 50_000 } },
      { type: 'clientMetrics', name: metrics, set: { 'interval.ms': 5000 } },
    ])
    await until(
      () => admin.describeConfigs([{ type: 'broker', name: '' }]),
      ([all]) => all!.entries.some(({ name, source }) => name === 'log.cleaner.threads' && source === 'dynamicDefaultBrokerConfig'),
    )
    const kinds = async () => (await admin.listConfigResources(['group', 'clientMetrics'])).map(({ type, name }) => `${type} ${name}`)
    await until(kinds, (found) => found.includes(`group ${group}`) && found.includes(`clientMetrics ${metrics}`))
    t.true((await admin.listConfigResources()).some(({ type, name }) => type === 'topic' && name === a))
    await admin.incrementalAlterConfigs([
      { type: 'clientMetrics', name: metrics, delete: ['interval.ms'] },
      { type: 'group', name: group, delete: ['consumer.session.timeout.ms'] },
      { type: 'broker', name: '', delete: ['log.cleaner.threads'] },
    ])
    t.deepEqual(await failuresOf(t, admin.describeConfigs([{ type: 'broker', name: '77' }])), { 'broker 77': 'INVALID_ARGUMENT' })
  },

  'offsets are found by place and time, many of one partition in one call': async (t, env) => {
    const client = await clientFor(t, env)
    const { admin } = client
    const topic = await newTopic(client, 2)
    const producer = client.producer()
    const now = Date.now()
    for (const value of numbers(10)) producer.send({ topic, partition: 0, value, timestamp: now + 1000 * Number(value) }).catch(t.fail)
    await producer.flush()
    const places = ['earliest', 'latest', 'maxTimestamp', 'earliestLocal', now + 4500, now + 20_000] as const
    const answers = await admin.listOffsets([
      ...places.map((place) => ({ ...at(topic), at: place })),
      { ...at(topic, 1), at: 'maxTimestamp' },
    ])
    t.deepEqual(
      answers.map(({ partition, offset }) => [partition, offset]),
      [
        [0, 0],
        [0, 10],
        [0, 9],
        [0, 0],
        [0, 5],
        [0, -1],
        [1, -1],
      ],
    )
    t.is(answers[4]!.timestamp, now + 5000)
    const wrong = [
      { ...at(topic, 7), at: 'latest' },
      { ...at(topic), at: 'latest' },
    ] as const
    t.deepEqual(await failuresOf(t, admin.listOffsets(wrong)), { [`${topic}-7 latest`]: 'INVALID_ARGUMENT' })
    t.deepEqual(await doneOf(admin.listOffsets(wrong)), [`${topic}-0 latest`])
  },

  'records are deleted up to an offset, or all, and what is not there is refused by itself': async (t, env) => {
    const client = await clientFor(t, env)
    const topic = await newTopic(client, 3)
    const producer = client.producer()
    for (const value of numbers(30)) producer.send({ topic, partition: Number(value) % 3, value }).catch(t.fail)
    await producer.flush()
    const before = [
      { ...at(topic, 0), offset: 4 },
      { ...at(topic, 1), offset: -1 },
      { ...at(topic, 2), offset: 99 },
    ]
    const { admin } = client
    t.deepEqual(await failuresOf(t, admin.deleteRecords(before)), { [`${topic}-2`]: 'OFFSET_OUT_OF_RANGE' })
    const begins = await admin.listOffsets([0, 1, 2].map((partition) => ({ ...at(topic, partition), at: 'earliest' as const })))
    t.deepEqual(
      begins.map(({ offset }) => offset),
      [4, 10, 0],
    )
    t.deepEqual(await admin.deleteRecords([{ ...at(topic, 0), offset: 6 }]), [{ ...at(topic, 0), lowWatermark: 6 }])
  },
}
