import test from 'ava'
import type { ExecutionContext } from 'ava'

import { connect } from '../../core/index.ts'
import type { Admin, Client } from '../../core/index.ts'
import { at, until } from '../support/admin-kit.ts'
import { startKafka } from '../support/start-kafka.ts'
import { toolRunner } from '../support/tool-runner.ts'

/** A tool of Kafka 4.3.1 on the one side, `admin` on the other, Apache Kafka between them: each sees what the other has done. */
interface Stage {
  readonly t: ExecutionContext
  readonly client: Client
  readonly admin: Admin
  /** What the tool prints; it shall end well. */
  tool(name: string, args: string): Promise<string>
  /** Runs the tool until it prints this. */
  shows(name: string, args: string, ...prints: RegExp[]): Promise<void>
}

const TRIES_MAX = 10
const CONFIG = 'kafka.admin.ConfigCommand'
const GROUPS = 'consumer.group.ConsumerGroupCommand'
const GUARDED = {
  'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
  'super.users': 'User:ANONYMOUS',
}

test("Kafka's tools see what admin has done, and admin sees what they have done", async (t) => {
  const [kafka, tools] = [await startKafka(t, { config: GUARDED }), await toolRunner(t)]
  if (kafka === undefined || tools === undefined) return
  const client = await connect(kafka.bootstrap, { retryBackoffMs: 10 })
  t.teardown(() => client.close())
  const tool = async (name: string, args: string): Promise<string> => {
    const { code, output } = await tools.run(name, ['--bootstrap-server', kafka.bootstrap, ...args.split(' ')])
    if (code !== 0) throw new Error(`${name} ${args} ended with ${code}: ${output}`)
    return output
  }
  const shows = async (name: string, args: string, ...prints: RegExp[]): Promise<void> => {
    // A tool is started some times: what is decided is soon seen.
    for (let tries = 0; ; tries++) {
      const output = await tool(name, args)
      const missing = prints.filter((print) => !print.test(output))
      if (missing.length === 0) return
      if (tries === TRIES_MAX) throw new Error(`${name} ${args} printed no ${missing.join(' ')}: ${output}`)
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
  }
  for (const part of parts) {
    const attempt = await t.try(part.name, async (tt) => {
      await part({ t: tt, client, admin: client.admin, tool, shows })
      tt.pass()
    })
    attempt.commit()
  }
})

async function topics({ t, admin, tool, shows }: Stage): Promise<void> {
  await admin.createTopics([{ name: 'ours', partitions: 3, configs: { 'retention.ms': 1234 } }])
  await shows('TopicCommand', '--describe --topic ours', /PartitionCount: 3/, /retention\.ms=1234/)
  await tool('TopicCommand', '--create --topic theirs --partitions 2 --config segment.ms=99')
  await until(
    () => admin.listTopics(),
    (all) => all.some(({ name }) => name === 'theirs'),
  )
  const [theirs] = await admin.describeTopics(['theirs'])
  t.is(theirs!.partitions.length, 2)
  t.regex(await tool('TopicCommand', '--describe --topic theirs'), new RegExp(`TopicId: ${theirs!.topicId}`))
  await tool('TopicCommand', '--alter --topic theirs --partitions 4')
  await until(
    () => admin.describeTopics(['theirs']),
    ([topic]) => topic!.partitions.length === 4,
  )
  await admin.createPartitions([{ topic: 'theirs', count: 5 }])
  await shows('TopicCommand', '--describe --topic theirs', /PartitionCount: 5/)
}

async function settings({ admin, tool, shows }: Stage): Promise<void> {
  await admin.incrementalAlterConfigs([
    { type: 'topic', name: 'ours', append: { 'cleanup.policy': 'compact' }, delete: ['retention.ms'] },
    { type: 'broker', name: '1', set: { 'log.cleaner.threads': 2 } },
    { type: 'clientMetrics', name: 'probe', set: { 'interval.ms': 3000 } },
  ])
  await shows(
    CONFIG,
    '--describe --entity-type topics --entity-name ours',
    /cleanup\.policy=delete,compact sensitive=false/,
    /^(?![^]*retention\.ms)/,
  )
  await shows(CONFIG, '--describe --entity-type brokers --entity-name 1', /DYNAMIC_BROKER_CONFIG:log\.cleaner\.threads=2/)
  await shows(CONFIG, '--describe --entity-type client-metrics --entity-name probe', /interval\.ms=3000/)
  await tool(CONFIG, '--alter --entity-type topics --entity-name ours --add-config max.message.bytes=4321')
  await until(
    () => admin.describeConfigs([{ type: 'topic', name: 'ours' }], { keys: ['max.message.bytes'] }),
    ([topic]) => topic!.entries[0]!.value === '4321' && topic!.entries[0]!.source === 'dynamicTopicConfig',
  )
}

async function quotasAndCredentials({ admin, tool, shows }: Stage): Promise<void> {
  await admin.alterClientQuotas([{ entity: { user: 'u', clientId: null }, set: { producer_byte_rate: 1_000_000 } }])
  await shows(
    CONFIG,
    '--describe --entity-type users --entity-name u --entity-type clients --entity-default',
    /producer_byte_rate=1000000\.0/,
  )
  await tool(CONFIG, '--alter --entity-type ips --entity-name 10.1.2.3 --add-config connection_creation_rate=5')
  await until(
    () => admin.describeClientQuotas({ ip: '10.1.2.3' }),
    ([found]) => found?.quotas['connection_creation_rate'] === 5,
  )
  await admin.alterUserScramCredentials([{ user: 'alice', password: 'secret', mechanism: 'SCRAM-SHA-512', iterations: 5000 }])
  await shows(CONFIG, '--describe --entity-type users --entity-name alice', /SCRAM-SHA-512=iterations=5000/)
  await tool(CONFIG, '--alter --entity-type users --entity-name bob --add-config SCRAM-SHA-256=[iterations=6000,password=x]')
  await until(
    () => admin.describeUserScramCredentials(),
    (users) => users.some(({ user, credentials }) => user === 'bob' && credentials[0]!.iterations === 6000),
  )
}

async function recordsAndDirectories({ t, client, admin, tool, shows }: Stage): Promise<void> {
  const producer = client.producer()
  for (let i = 0; i < 20; i++) producer.send({ topic: 'theirs', partition: 0, value: String(i) }).catch(t.fail)
  await producer.flush()
  await shows('GetOffsetShell', '--topic-partitions theirs:0 --time -1', /theirs:0:20/)
  await admin.deleteRecords([{ ...at('theirs'), offset: 7 }])
  await shows('GetOffsetShell', '--topic-partitions theirs:0 --time -2', /theirs:0:7/)
  const dirs = await tool('LogDirsCommand', '--describe --topic-list theirs')
  const { brokers } = JSON.parse(dirs.split('\n').find((line) => line.startsWith('{'))!) as ToolDirs
  const [ours] = await admin.describeLogDirs([1])
  const sizes = (replicas: readonly { partition: number | string; size: number }[]) =>
    replicas.map(({ partition, size }) => `${partition} ${size}`).toSorted()
  const [dir] = ours!.logDirs
  t.is(dir!.path, brokers[0]!.logDirs[0]!.logDir)
  t.deepEqual(
    sizes(dir!.replicas.filter(({ topic }) => topic === 'theirs').map((each) => ({ ...each, partition: `theirs-${each.partition}` }))),
    sizes(brokers[0]!.logDirs[0]!.partitions),
  )
}

interface ToolDirs {
  brokers: { logDirs: { logDir: string; partitions: { partition: string; size: number }[] }[] }[]
}

async function groups({ t, client, admin, tool, shows }: Stage): Promise<void> {
  await admin.alterConsumerGroupOffsets('ours', [{ ...at('theirs'), offset: 9, metadata: 'here' }])
  await shows(GROUPS, '--list', /^ours$/m)
  await shows(GROUPS, '--describe --group ours', /ours\s+theirs\s+0\s+9\s+20\s+11/)
  await tool(GROUPS, '--group ours --reset-offsets --to-offset 12 --topic theirs:0 --execute')
  t.is((await admin.listConsumerGroupOffsets('ours'))[0]!.offset, 12)
  const consumer = client.consumer({ groupId: 'living', groupInstanceId: 'one', fetchMaxWaitMs: 50 })
  consumer.subscribe(['theirs'])
  while (consumer.assignment().length === 0) await consumer.poll(20)
  const [group] = await admin.describeConsumerGroups(['living'])
  await shows(GROUPS, '--describe --group living --members --verbose', new RegExp(group!.members[0]!.memberId), /theirs:0,1,2,3,4/)
  await shows(GROUPS, '--describe --group living --state', /Stable/)
  await consumer.close()
  await admin.removeMembersFromConsumerGroup('living', 'all')
  await tool(GROUPS, '--delete --group living')
  await tool(GROUPS, '--delete-offsets --group ours --topic theirs:0')
  t.deepEqual(await admin.listConsumerGroupOffsets('ours'), [])
}

async function access({ t, admin, tool, shows }: Stage): Promise<void> {
  const acl = {
    resourceType: 'topic',
    resourceName: 'orders',
    patternType: 'prefixed',
    principal: 'User:carol',
    operation: 'read',
  } as const
  await admin.createAcls([acl])
  await shows(
    'AclCommand',
    '--list --principal User:carol',
    /resourceType=TOPIC, name=orders, patternType=PREFIXED/,
    /operation=READ, permissionType=ALLOW/,
  )
  await tool('AclCommand', '--add --deny-principal User:dan --deny-host 10.0.0.1 --operation DescribeConfigs --cluster')
  const found = await until(
    () => admin.describeAcls({ principal: 'User:dan' }),
    (acls) => acls.length > 0,
  )
  const cluster = { resourceType: 'cluster', resourceName: 'kafka-cluster', patternType: 'literal' } as const
  t.deepEqual(found, [{ ...cluster, principal: 'User:dan', host: '10.0.0.1', operation: 'describeConfigs', permission: 'deny' }])
  t.is((await admin.deleteAcls([{ principal: 'User:dan' }, { principal: 'User:carol' }])).length, 2)
  await shows('AclCommand', '--list --principal User:dan', /^(?![^]*DESCRIBE_CONFIGS)/)
}

async function transactions({ t, client, admin, tool, shows }: Stage): Promise<void> {
  const producer = client.producer({ transactionalId: 'hanging' })
  await producer.init()
  producer.begin()
  await producer.send({ topic: 'ours', partition: 0, key: 'k', value: 'x' })
  const [listed] = await admin.listTransactions({ states: ['Ongoing'] })
  await shows('TransactionsCommand', 'list', new RegExp(`hanging\\s+\\S+\\s+${listed!.producerId}\\s+Ongoing`))
  const [described] = await admin.describeTransactions(['hanging'])
  const output = await tool('TransactionsCommand', 'describe --transactional-id hanging')
  t.regex(
    output,
    new RegExp(
      `${described!.coordinatorId}\\s+hanging\\s+${described!.producerId}\\s+${described!.producerEpoch}\\s+Ongoing\\s+${described!.timeoutMs}`,
    ),
  )
  await tool('TransactionsCommand', 'abort --topic ours --partition 0 --start-offset 0')
  const [{ producers }] = (await admin.describeProducers([at('ours')])) as [Awaited<ReturnType<Admin['describeProducers']>>[number]]
  t.deepEqual(
    producers.map(({ currentTransactionStartOffset }) => currentTransactionStartOffset),
    [-1],
  )
  await producer.close().catch(() => {})
}

async function clusterAndFeatures({ t, admin, tool }: Stage): Promise<void> {
  const { finalized } = await admin.describeFeatures()
  const features = await tool('FeatureCommand', 'describe')
  for (const [name, { max }] of Object.entries(finalized).filter(([feature]) => feature !== 'metadata.version'))
    t.regex(features, new RegExp(`Feature: ${name}\\s.*FinalizedVersionLevel: ${max}\\s`))
  const quorum = await admin.describeMetadataQuorum()
  const status = await tool('MetadataQuorumCommand', 'describe --status')
  t.regex(status, new RegExp(`LeaderId:\\s+${quorum.leaderId}\\s+LeaderEpoch:\\s+${quorum.leaderEpoch}\\s`))
  t.true(status.includes(quorum.voters[0]!.directoryId))
}

const parts = [topics, settings, quotasAndCredentials, recordsAndDirectories, groups, access, transactions, clusterAndFeatures]
