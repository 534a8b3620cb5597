import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import test from 'ava'
import type { ExecutionContext } from 'ava'

import type { Broker } from '../../core/broker/broker.ts'
import { toolRunner } from '../support/tool-runner.ts'
import type { ToolRunner, ToolResult } from '../support/tool-runner.ts'
import { startBroker, tempDir } from '../support/start-broker.ts'
import { channelTo, createTopic, fetchFrom, listing, openTransaction } from '../support/wire.ts'

/** Unmodified command line tools of Kafka 4.3.1 against our broker. One JVM, one broker: each step builds on those before it. */
interface Stage {
  readonly t: ExecutionContext
  readonly broker: Broker
  readonly dir: string
  /** Runs a tool against the broker and expects it to end well, and to print each of these. */
  ok(tool: string, args: string, ...prints: RegExp[]): Promise<string>
  /** The same for a tool that shall end with an error. */
  fails(tool: string, args: string, ...prints: RegExp[]): Promise<string>
  /** Takes note of what is not as it shall be. */
  check(isRight: boolean, what: string): void
  typed(tool: string, args: string, stdin: string): Promise<ToolResult>
}

const BROKER = '--bootstrap-server'

/** Acknowledgements come in while its JVM ends. */
const ALONE = new Set(['VerifiableProducer'])

async function stage(t: ExecutionContext, tools: ToolRunner, faults: string[]): Promise<Stage> {
  const dir = await tempDir(t)
  const broker = await startBroker(t, { config: { 'offsets.topic.num.partitions': 2, 'transaction.state.log.num.partitions': 2 } })
  const run = async (tool: string, args: string, stdin?: string): Promise<ToolResult> => {
    const given = args.replaceAll('$BROKER', `${BROKER} ${broker.bootstrap}`).replaceAll('$ADDRESS', broker.bootstrap)
    const list = given.split(' ').filter((arg) => arg !== '')
    return ALONE.has(tool) ? tools.alone(tool, list) : tools.run(tool, list, stdin)
  }
  const expecting = async (tool: string, args: string, prints: RegExp[], fails: boolean): Promise<string> => {
    const { code, output } = await run(tool, args)
    const missing = prints.filter((print) => !print.test(output))
    // All of them are told together at the end: a JVM is too slow to find one fault after the other.
    if ((code !== 0) !== fails || missing.length > 0)
      faults.push(`${tool} ${args}: ended with ${code}, printed no ${missing.join(' ')}\n${output}`)
    return output
  }
  return {
    t,
    check: (isRight, what) => void (isRight || faults.push(what)),
    broker,
    dir,
    ok: (tool, args, ...prints) => expecting(tool, args, prints, false),
    fails: (tool, args, ...prints) => expecting(tool, args, prints, true),
    typed: run,
  }
}

test('the tools of Kafka do with our broker what they do with Kafka', async (t) => {
  const tools = await toolRunner(t)
  if (tools === undefined) return
  const faults: string[] = []
  const at = await stage(t, tools, faults)
  for (const [name, part] of Object.entries(parts)) {
    const begun = Date.now()
    try {
      await part(at)
    } catch (error) {
      faults.push(`${name}: ${error instanceof Error ? error.message : String(error)}`)
    }
    t.log(`${name}: ${Date.now() - begun} ms`)
  }
  t.deepEqual(faults, [])
})

const parts: Readonly<Record<string, (at: Stage) => Promise<void>>> = {
  'kafka-topics': async ({ ok, fails, check }) => {
    await ok(
      'TopicCommand',
      '$BROKER --create --topic a --partitions 3 --replication-factor 1 --config retention.ms=3600000',
      /Created topic a\./,
    )
    await ok('TopicCommand', '$BROKER --create --topic b --replica-assignment 1,1', /Created topic b\./)
    await fails('TopicCommand', '$BROKER --create --topic a', /TopicExistsException/)
    await ok('TopicCommand', '$BROKER --create --topic a --if-not-exists')
    await fails('TopicCommand', '$BROKER --create --topic c --replication-factor 3', /InvalidReplicationFactorException/)
    await fails('TopicCommand', '$BROKER --create --topic c --config no.such=1', /InvalidConfigurationException|Unknown topic config name/)
    const described = await ok(
      'TopicCommand',
      '$BROKER --describe --topic a',
      /PartitionCount: 3\s+ReplicationFactor: 1\s+Configs: .*retention\.ms=3600000/,
    )
    check(described.match(/Leader: 1\s+Replicas: 1\s+Isr: 1/g)?.length === 3, described)
    await ok('TopicCommand', '$BROKER --list', /^a\nb$/m)
    await ok('TopicCommand', '$BROKER --describe --under-replicated-partitions', /^(?![^]*Topic:)/)
    await ok('TopicCommand', '$BROKER --describe --unavailable-partitions', /^(?![^]*Topic:)/)
    await ok('TopicCommand', '$BROKER --describe --topics-with-overrides', /retention\.ms/)
    await ok('TopicCommand', '$BROKER --alter --topic a --partitions 4')
    await fails('TopicCommand', '$BROKER --alter --topic a --partitions 2', /InvalidPartitionsException/)
    await ok('TopicCommand', '$BROKER --alter --topic b --partitions 3 --replica-assignment 1,1,1')
    await ok('TopicCommand', '$BROKER --describe --topic b', /PartitionCount: 3/)
    await ok('TopicCommand', '$BROKER --create --topic gone')
    await ok('TopicCommand', '$BROKER --delete --topic gone')
    await fails('TopicCommand', '$BROKER --delete --topic gone', /does not exist/)
  },

  'kafka-configs': async ({ ok, fails }) => {
    const config = 'kafka.admin.ConfigCommand'
    await ok(
      config,
      '$BROKER --alter --entity-type topics --entity-name a --add-config cleanup.policy=[compact,delete],max.message.bytes=2000',
      /Completed updating config for topic a/,
    )
    await ok(
      config,
      '$BROKER --describe --entity-type topics --entity-name a',
      /cleanup\.policy=compact,delete sensitive=false synonyms=\{DYNAMIC_TOPIC_CONFIG:cleanup\.policy=compact,delete, DEFAULT_CONFIG:log\.cleanup\.policy=delete\}/,
    )
    await ok(config, '$BROKER --alter --entity-type topics --entity-name a --delete-config cleanup.policy,max.message.bytes')
    await ok(config, '$BROKER --describe --all --entity-type topics --entity-name a', /segment\.bytes=1073741824/)
    await fails(
      config,
      '$BROKER --alter --entity-type topics --entity-name a --add-config retention.ms=soon',
      /InvalidConfigurationException/,
    )
    await ok(config, '$BROKER --alter --entity-type brokers --entity-name 1 --add-config log.cleaner.threads=2')
    await ok(config, '$BROKER --alter --entity-type brokers --entity-default --add-config log.retention.ms=7200000')
    await ok(
      config,
      '$BROKER --describe --entity-type brokers --entity-name 1',
      /log\.cleaner\.threads=2 sensitive=false synonyms=\{DYNAMIC_BROKER_CONFIG:log\.cleaner\.threads=2/,
    )
    await ok(config, '$BROKER --describe --entity-type brokers --entity-default', /log\.retention\.ms=7200000/)
    await ok(config, '$BROKER --describe --all --entity-type brokers --entity-name 1', /num\.io\.threads=8/)
    await ok(
      config,
      '$BROKER --describe --entity-type topics --entity-name b --all',
      /retention\.ms=7200000 sensitive=false synonyms=\{DYNAMIC_DEFAULT_BROKER_CONFIG:log\.retention\.ms=7200000/,
    )
    await fails(
      config,
      '$BROKER --alter --entity-type brokers --entity-name 1 --add-config num.partitions=7',
      /Cannot update these configs dynamically/,
    )
    await ok(config, '$BROKER --alter --entity-type brokers --entity-default --delete-config log.retention.ms')
    await ok(config, '$BROKER --describe --entity-type broker-loggers --entity-name 1')
    await ok(
      config,
      '$BROKER --alter --entity-type users --entity-name u --entity-type clients --entity-name c --add-config producer_byte_rate=1000000,consumer_byte_rate=2000000',
    )
    await ok(config, '$BROKER --alter --entity-type clients --entity-default --add-config request_percentage=200')
    await ok(config, '$BROKER --alter --entity-type ips --entity-name 10.1.2.3 --add-config connection_creation_rate=5')
    await ok(
      config,
      '$BROKER --describe --entity-type users --entity-name u --entity-type clients --entity-name c',
      /Quota configs for user-principal 'u', client-id 'c' are (?=.*producer_byte_rate=1000000\.0).*consumer_byte_rate=2000000\.0/,
    )
    await ok(config, '$BROKER --describe --entity-type clients --entity-default', /default client-id are request_percentage=200\.0/)
    await ok(config, '$BROKER --describe --entity-type ips --entity-name 10.1.2.3', /connection_creation_rate=5\.0/)
    await fails(config, '$BROKER --alter --entity-type ips --entity-name 10.1.2.3 --add-config connection_creation_rate=0')
    await ok(config, '$BROKER --alter --entity-type clients --entity-default --delete-config request_percentage')
    await ok(
      config,
      '$BROKER --alter --entity-type client-metrics --entity-name m --add-config interval.ms=1000,metrics=[org.apache.kafka.producer.,org.apache.kafka.consumer.],match=[client_id=none.*]',
    )
    await ok(config, '$BROKER --describe --entity-type client-metrics --entity-name m', /interval\.ms=1000/)
    await ok(config, '$BROKER --alter --entity-type groups --entity-name g --add-config consumer.session.timeout.ms=50000')
    await ok(
      config,
      '$BROKER --describe --entity-type groups',
      /Dynamic configs for group g are:/,
      /consumer\.session\.timeout\.ms=50000 sensitive=false synonyms=\{DYNAMIC_GROUP_CONFIG:consumer\.session\.timeout\.ms=50000/,
    )
    await ok(config, '$BROKER --alter --entity-type groups --entity-name g --delete-config consumer.session.timeout.ms')
    await fails(
      config,
      '$BROKER --alter --entity-type brokers --entity-name 1 --add-config log.cleaner.threads=9',
      /Log cleaner threads cannot be increased to more than double the current value 2/,
    )
  },

  'kafka-client-metrics': async ({ ok }) => {
    await ok(
      'ClientMetricsCommand',
      '$BROKER --alter --name n --metrics org.apache.kafka.producer. --interval 2000',
      /Altered client metrics config for n/,
    )
    await ok('ClientMetricsCommand', '$BROKER --list', /m\nn/)
    await ok('ClientMetricsCommand', '$BROKER --describe --name n', /interval\.ms=2000/)
    await ok('ClientMetricsCommand', '$BROKER --delete --name n')
    await ok('ClientMetricsCommand', '$BROKER --delete --name m')
  },

  'console producer and consumer, kafka-get-offsets, kafka-delete-records': async ({ ok, typed, dir, check }) => {
    const lines = Array.from({ length: 10 }, (_, i) => `k${i}:v${i}`).join('\n')
    const produced = await typed(
      'ConsoleProducer',
      '$BROKER --topic b --reader-property parse.key=true --reader-property key.separator=:',
      `${lines}\n`,
    )
    check(produced.code === 0, produced.output)
    const consumed = await ok(
      'consumer.ConsoleConsumer',
      '$BROKER --topic b --from-beginning --max-messages 10 --timeout-ms 20000 --formatter-property print.key=true',
      /Processed a total of 10 messages/,
    )
    for (let i = 0; i < 10; i++) check(new RegExp(`k${i}\\tv${i}`).test(consumed), consumed)
    const sumOf = async (time: string): Promise<number> => {
      const output = await ok('GetOffsetShell', `$BROKER --topic b --time ${time}`)
      return output.split('\n').reduce((sum, line) => sum + Number(line.split(':')[2] ?? 0), 0)
    }
    check((await sumOf('-1')) === 10, 'sum of offsets at -1')
    check((await sumOf('latest')) === 10, 'sum of offsets at latest')
    check((await sumOf('-2')) === 0, 'sum of offsets at -2')
    check((await sumOf('earliest')) === 0, 'sum of offsets at earliest')
    check((await sumOf('max-timestamp')) > 0, 'max-timestamp is some offset')
    check((await sumOf('earliest-local')) === 0, 'sum of offsets at earliest-local')
    await ok('GetOffsetShell', '$BROKER --topic b --time latest-tiered')
    check((await sumOf('1000')) === 0, 'sum of offsets at 1000')
    await ok('GetOffsetShell', '$BROKER --topic-partitions b:0-1,a --time -1', /b:0:\d+/, /a:3:0/)
    const file = join(dir, 'records.json')
    await writeFile(file, JSON.stringify({ partitions: [0, 1, 2].map((partition) => ({ topic: 'b', partition, offset: -1 })), version: 1 }))
    await ok('DeleteRecordsCommand', `$BROKER --offset-json-file ${file}`, /partition: b-0\s+low_watermark: \d+/)
    check((await sumOf('earliest')) === 10, 'sum of offsets at earliest')
  },

  'kafka-log-dirs, kafka-features, kafka-cluster, kafka-metadata-quorum, kafka-broker-api-versions': async ({
    ok,
    fails,
    broker,
    check,
  }) => {
    const dirs = await ok(
      'LogDirsCommand',
      '$BROKER --describe --topic-list b',
      /"partition":"b-0","size":\d+,"offsetLag":0,"isFuture":false/,
    )
    const sizes = [...dirs.matchAll(/"size":(\d+)/g)].map(([, size]) => Number(size))
    check(sizes.length === 3 && sizes.some((size) => size > 0), dirs)
    await ok(
      'FeatureCommand',
      '$BROKER describe',
      /Feature: transaction\.version\s+SupportedMinVersion: 0\s+SupportedMaxVersion: 2\s+FinalizedVersionLevel: 2/,
    )
    await ok(
      'FeatureCommand',
      '$BROKER describe',
      /Feature: group\.version\s+SupportedMinVersion: 0\s+SupportedMaxVersion: 1\s+FinalizedVersionLevel: 1/,
    )
    await ok('FeatureCommand', '$BROKER upgrade --feature transaction.version=2')
    await ok('FeatureCommand', '$BROKER upgrade --feature group.version=1')
    await fails('FeatureCommand', '$BROKER upgrade --feature no.such.version=1')
    await ok('ClusterTool', 'cluster-id $BROKER', new RegExp(`Cluster ID: ${broker.clusterId}`))
    await ok('ClusterTool', 'list-endpoints $BROKER', /127\.0\.0\.1/)
    await fails('ClusterTool', 'unregister $BROKER --id 77')
    await ok('MetadataQuorumCommand', '$BROKER describe --status', /LeaderId:\s+1/, /CurrentVoters:.*"id": 1/)
    await ok('MetadataQuorumCommand', '$BROKER describe --replication', /Leader/)
    const versions = await ok('BrokerApiVersionsCommand', '$BROKER', /Produce\(0\): 0 to 13/, /DescribeTopicPartitions\(75\): 0/)
    check(/\(id: 1 rack: null/.test(versions), versions)
  },

  'kafka-leader-election, kafka-reassign-partitions': async ({ ok, fails, dir }) => {
    await ok(
      'LeaderElectionCommand',
      '$BROKER --election-type preferred --topic b --partition 0',
      /Valid replica already elected|Successfully completed/,
    )
    await ok('LeaderElectionCommand', '$BROKER --election-type preferred --all-topic-partitions')
    const plan = join(dir, 'plan.json')
    const wanted = (replicas: number[]): string =>
      JSON.stringify({ version: 1, partitions: [{ topic: 'b', partition: 0, replicas, log_dirs: replicas.map(() => 'any') }] })
    await writeFile(plan, wanted([1]))
    await ok(
      'reassign.ReassignPartitionsCommand',
      `$BROKER --execute --reassignment-json-file ${plan}`,
      /Successfully started partition reassignment/,
    )
    await ok(
      'reassign.ReassignPartitionsCommand',
      `$BROKER --verify --reassignment-json-file ${plan}`,
      /Reassignment of partition b-0 is completed/,
    )
    await ok('reassign.ReassignPartitionsCommand', '$BROKER --list', /No partition reassignments found/)
    const topics = join(dir, 'topics.json')
    await writeFile(topics, JSON.stringify({ version: 1, topics: [{ topic: 'b' }] }))
    await ok(
      'reassign.ReassignPartitionsCommand',
      `$BROKER --generate --topics-to-move-json-file ${topics} --broker-list 1`,
      /Proposed partition reassignment configuration/,
    )
    await writeFile(plan, wanted([2]))
    await fails('reassign.ReassignPartitionsCommand', `$BROKER --execute --reassignment-json-file ${plan}`)
  },

  'clients send the metrics that they are asked for': async ({ ok, broker, check }) => {
    const heard: string[] = []
    const silent = broker.events.on('telemetry', ({ clientId, metrics }) => heard.push(`${clientId} ${metrics.toString('latin1')}`))
    await ok('ClientMetricsCommand', '$BROKER --alter --name all --metrics * --interval 100')
    const client = '--producer-props client.id=metered'
    await ok('ProducerPerformance', `--topic a --num-records 500 --record-size 100 --throughput 500 ${client} --bootstrap-server $ADDRESS`)
    await ok('ClientMetricsCommand', '$BROKER --delete --name all')
    silent()
    // OpenTelemetry names are plain text within the message.
    check(
      heard.some((text) => text.startsWith('metered ') && text.includes('org.apache.kafka.producer.')),
      `metrics that came: ${heard.length}`,
    )
  },

  'the performance tools and the verifiable clients': async ({ ok, check }) => {
    await ok(
      'ProducerPerformance',
      `--topic a --num-records 2000 --record-size 100 --throughput -1 --bootstrap-server $ADDRESS`,
      /2000 records sent/,
    )
    await ok('ConsumerPerformance', '$BROKER --topic a --num-records 2000 --timeout 20000 --hide-header', /, 2000, /)
    await ok('EndToEndLatency', '$BROKER --topic a --num-records 50 --producer-acks all --record-size 100', /Avg latency/)
    const sent = await ok(
      'VerifiableProducer',
      '$BROKER --topic v --max-messages 200 --acks -1',
      /"name":"tool_data"|producer_send_success/,
    )
    check(sent.match(/producer_send_success/g)?.length === 200, sent)
    const read = await ok(
      'VerifiableConsumer',
      '$BROKER --topic v --group-id verifiable --max-messages 200 --reset-policy earliest',
      /records_consumed/,
      /partitions_assigned/,
    )
    const count = [...read.matchAll(/"name":"records_consumed"[^\n]*?"count":(\d+)/g)].reduce((sum, [, n]) => sum + Number(n), 0)
    check(count >= 200 || /"count":200/.test(read), read)
  },

  'kafka-transactions and the transactional copier': async ({ ok, check, broker, t }) => {
    await ok('TopicCommand', '$BROKER --create --topic copy')
    await ok(
      'TransactionalMessageCopier',
      '--broker-list $ADDRESS --input-topic v --input-partition 0 --output-topic copy --transaction-size 20 --max-messages 200 --transactional-id copier --consumer-group copiers',
      /"remaining":0|shutdown_complete/,
    )
    await ok('GetOffsetShell', '$BROKER --topic copy --time -1', /copy:0:21\d/)
    const copied = await ok(
      'consumer.ConsoleConsumer',
      '$BROKER --topic copy --from-beginning --isolation-level read_committed --max-messages 200 --timeout-ms 20000',
      /Processed a total of 200 messages/,
    )
    check(new Set(copied.split('\n').filter((line) => /^\d+$/.test(line))).size === 200, copied)
    await ok('TransactionsCommand', '$BROKER list', /copier\s+\S+\s+\d+\s+CompleteCommit/)
    await ok('TransactionsCommand', '$BROKER list --transactional-id-pattern cop.*', /copier/)
    await ok('TransactionsCommand', '$BROKER list --duration-filter 100000', /TransactionalId/)
    await ok('TransactionsCommand', '$BROKER describe --transactional-id copier', /CompleteCommit/)
    await ok('TransactionsCommand', '$BROKER describe-producers --topic copy --partition 0', /ProducerId\s+ProducerEpoch/, /None/)
    await ok('TransactionsCommand', '$BROKER find-hanging --broker-id 1', /Topic\s+Partition/)
    const channel = await channelTo(t, broker.bootstrap)
    await createTopic(channel, 'hangs')
    await openTransaction(channel, 'hangs')
    check(listing(await fetchFrom(channel, 'hangs', 0, { committed: true })).length === 0, 'an open transaction is not seen')
    await ok('TransactionsCommand', '$BROKER describe-producers --topic hangs --partition 0', /\s0\s*$/m)
    await ok('TransactionsCommand', '$BROKER abort --topic hangs --partition 0 --start-offset 0')
    const { lastStableOffset, abortedTransactions } = await fetchFrom(channel, 'hangs', 0, { committed: true })
    check(lastStableOffset === 2 && abortedTransactions?.length === 1, 'the transaction that hung is aborted')
    await ok('TransactionsCommand', '$BROKER forceTerminateTransaction --transactionalId copier')
  },
}
