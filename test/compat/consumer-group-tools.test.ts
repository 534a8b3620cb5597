import { writeFile } from 'node:fs/promises'
import { join as joinPath } from 'node:path'

import test from 'ava'

import type { Channel } from '../../core/net/channel.ts'
import { ConsumerGroupHeartbeat } from '../../core/protocol/messages/consumer-group-heartbeat.ts'
import { FindCoordinator } from '../../core/protocol/messages/find-coordinator.ts'
import { OffsetCommit } from '../../core/protocol/messages/offset-commit.ts'
import { OffsetFetch } from '../../core/protocol/messages/offset-fetch.ts'
import { until } from '../support/until.ts'
import { dumpLogSegments, partitionFiles } from '../support/dump-log-segments.ts'
import { javaClasses, startJava } from '../support/java-app.ts'
import type { Program } from '../support/program.ts'
import { startBroker, tempDir } from '../support/start-broker.ts'
import { toolRunner } from '../support/tool-runner.ts'
import { batch, createTopic, open, produce } from '../support/wire.ts'

const GROUPS = 'consumer.group.ConsumerGroupCommand'
const START = Date.UTC(2026, 0, 1)
const MINUTE = 60_000

async function committed(channel: Channel, group: string): Promise<Record<string, number>> {
  const { groups } = await channel.request(OffsetFetch, 8, { groups: [{ groupId: group, topics: null }] })
  const offsets: Record<string, number> = {}
  for (const { name, partitions } of groups[0]!.topics) {
    for (const { partitionIndex, committedOffset } of partitions) offsets[`${name}-${partitionIndex}`] = committedOffset
  }
  return offsets
}

async function commit(channel: Channel, group: string, topic: string, offsets: readonly number[]): Promise<void> {
  const partitions = offsets.map((committedOffset, partitionIndex) => ({ partitionIndex, committedOffset, committedMetadata: '' }))
  await channel.request(OffsetCommit, 8, { groupId: group, topics: [{ name: topic, partitions }] })
}

test('kafka-consumer-groups: every form of reset, deletion of offsets and of groups', async (t) => {
  const tools = await toolRunner(t)
  if (tools === undefined) return
  const broker = await startBroker(t, { port: 0 })
  const channel = await open(t, broker)
  for (const topic of ['t', 'u']) {
    await createTopic(channel, topic, 2)
    // Ten records in each partition, a minute apart.
    for (let partition = 0; partition < 2; partition++) {
      for (let i = 0; i < 10; i++) await produce(channel, topic, batch([`${i}`], {}, START + i * MINUTE), { partition })
    }
  }
  const base = ['--bootstrap-server', `127.0.0.1:${broker.port}`]
  const groups = async (...args: string[]): Promise<string> => {
    const { code, output } = await tools.run(GROUPS, [...base, ...args])
    t.is(code, 0, `${args.join(' ')}: ${output}`)
    return output
  }
  const reset = (...args: string[]) => groups('--reset-offsets', '--group', 'g', ...args)
  const at = (t0: number, t1: number, u0: number, u1: number) => ({ 't-0': t0, 't-1': t1, 'u-0': u0, 'u-1': u1 })

  await channel.request(FindCoordinator, 4, { keyType: 0, coordinatorKeys: ['g'] })
  await commit(channel, 'g', 't', [3, 4])
  await commit(channel, 'g', 'u', [5, 6])
  await reset('--all-topics', '--to-earliest')
  t.deepEqual(await committed(channel, 'g'), at(3, 4, 5, 6), 'a dry run changes nothing')
  await reset('--topic', 't', '--to-latest', '--execute')
  t.deepEqual(await committed(channel, 'g'), at(10, 10, 5, 6))
  await reset('--topic', 't:1', '--to-offset', '7', '--execute')
  t.deepEqual(await committed(channel, 'g'), at(10, 7, 5, 6))
  await reset('--all-topics', '--shift-by', '-2', '--execute')
  t.deepEqual(await committed(channel, 'g'), at(8, 5, 3, 4))
  await reset('--topic', 'u', '--shift-by', '100', '--execute')
  t.deepEqual(await committed(channel, 'g'), at(8, 5, 10, 10), 'no further than the end')
  await reset('--all-topics', '--to-datetime', new Date(START + 4 * MINUTE - 1).toISOString(), '--execute')
  t.deepEqual(await committed(channel, 'g'), at(4, 4, 4, 4))
  await reset('--topic', 't', '--by-duration', 'PT0S', '--execute')
  t.deepEqual(await committed(channel, 'g'), at(10, 10, 4, 4), 'nothing is as new as that')
  await reset('--all-topics', '--to-current', '--execute')
  t.deepEqual(await committed(channel, 'g'), at(10, 10, 4, 4))
  await reset('--all-topics', '--to-earliest', '--execute')
  t.deepEqual(await committed(channel, 'g'), at(0, 0, 0, 0))
  const exported = await reset('--all-topics', '--to-latest', '--export')
  t.true(/^"?t"?,0,10$/m.test(exported), exported)
  const plan = joinPath(await tempDir(t), 'plan.csv')
  await writeFile(plan, 't,0,1\nt,1,2\nu,0,3\n')
  await reset('--from-file', plan, '--execute')
  t.deepEqual(await committed(channel, 'g'), at(1, 2, 3, 0))

  t.regex(await groups('--describe', '--group', 'g'), /g +t +0 +1 +10 +9 /)
  t.regex(await groups('--describe', '--group', 'g', '--state'), /Empty +0/)
  t.regex(await groups('--describe', '--group', 'nobody', '--state'), /does not exist|not found/i)
  await groups('--delete-offsets', '--group', 'g', '--topic', 'u:0')
  t.deepEqual(await committed(channel, 'g'), { 't-0': 1, 't-1': 2, 'u-1': 0 })
  await groups('--delete-offsets', '--group', 'g', '--topic', 'u')
  t.deepEqual(await committed(channel, 'g'), { 't-0': 1, 't-1': 2 })
  await commit(channel, 'other', 't', [1])
  t.deepEqual((await groups('--list')).trim().split('\n').toSorted(), ['g', 'other'])
  await groups('--delete', '--group', 'g', '--group', 'other')
  t.is((await groups('--list')).trim(), '')
})

test('Java consumers of the new protocol: VerifiableConsumer shares and takes over, the tools see its group', async (t) => {
  const tools = await toolRunner(t)
  if (tools === undefined) return
  const broker = await startBroker(t, {
    port: 0,
    config: { 'group.consumer.min.heartbeat.interval.ms': 100, 'group.consumer.min.session.timeout.ms': 1000 },
  })
  const channel = await open(t, broker)
  await createTopic(channel, 't', 4)
  for (let partition = 0; partition < 4; partition++) await produce(channel, 't', batch(['a', 'b', 'c', 'd', 'e']), { partition })
  const base = ['--bootstrap-server', `127.0.0.1:${broker.port}`]
  const run = async (tool: string, ...args: string[]): Promise<string> => {
    const { code, output } = await tools.run(tool, [...base, ...args])
    t.is(code, 0, `${args.join(' ')}: ${output}`)
    return output
  }

  // Settings of the group itself, before there is one.
  const configs = (...args: string[]) => run('kafka.admin.ConfigCommand', '--entity-type', 'groups', '--entity-name', 'g', ...args)
  await configs('--alter', '--add-config', 'consumer.session.timeout.ms=5000,consumer.heartbeat.interval.ms=500')
  t.regex(await configs('--describe'), /consumer\.session\.timeout\.ms=5000/)

  const members = new Map<string, { owned: Set<string>; consumed: number }>()
  const classes = await javaClasses()
  const start = async (name: string): Promise<Program> => {
    const member = { owned: new Set<string>(), consumed: 0 }
    members.set(name, member)
    const note = (line: string): void => {
      // Its log is there, too.
      if (!line.startsWith('{')) return
      const event = JSON.parse(line) as { name: string; partitions?: { topic: string; partition: number }[]; count?: number }
      const partitions = (event.partitions ?? []).map(({ topic, partition }) => `${topic}-${partition}`)
      if (event.name === 'partitions_assigned') for (const each of partitions) member.owned.add(each)
      else if (event.name === 'partitions_revoked') for (const each of partitions) member.owned.delete(each)
      else if (event.name === 'records_consumed') member.consumed += event.count ?? 0
    }
    const args = [...base, '--topic', 't', '--group-id', 'g', '--group-protocol', 'consumer', '--reset-policy', 'earliest']
    return startJava(t, { classes, dir: await tempDir(t), className: 'org.apache.kafka.tools.VerifiableConsumer', args }, note)
  }
  const owned = (name: string): number => members.get(name)!.owned.size
  const one = await start('one')
  await until('the first has all', () => owned('one') === 4)
  const two = await start('two')
  await until('they share', () => owned('one') === 2 && owned('two') === 2)
  await until('all is read', () => members.get('one')!.consumed + members.get('two')!.consumed >= 20)
  t.regex(await run(GROUPS, '--list', '--type', '--state'), /g +Consumer +Stable/)
  t.is(
    (await run(GROUPS, '--list', '--type', 'classic'))
      .trim()
      .split('\n')
      .filter((line) => line.startsWith('g ')).length,
    0,
  )
  t.regex(await run(GROUPS, '--describe', '--group', 'g', '--members', '--verbose'), /t:[0-9,]+/)
  t.regex(await run(GROUPS, '--describe', '--group', 'g', '--state'), /uniform +Stable +2/)
  t.regex(await run(GROUPS, '--describe', '--group', 'g'), /g +t +0 +5 +5 +0 /)
  const refused = await tools.run(GROUPS, [...base, '--delete', '--group', 'g'])
  t.regex(refused.output, /GroupNotEmptyException|not empty/)
  const subscribed = await tools.run(GROUPS, [...base, '--delete-offsets', '--group', 'g', '--topic', 't'])
  t.regex(subscribed.output, /subscribed/i)

  // Twice the group's session timeout would not be enough of the broker's.
  await two.end('SIGKILL')
  await until('the first takes over', () => owned('one') === 4)
  await one.end('SIGTERM')
  const deadline = async (): Promise<boolean> => /g +Consumer +Empty/.test(await run(GROUPS, '--list', '--type', '--state'))
  for (let tries = 0; !(await deadline()); tries++) if (tries > 20) return t.fail('the group never becomes empty')

  const { output } = await tools.run('consumer.ConsoleConsumer', [
    ...base,
    '--include',
    't|u.*',
    '--group',
    'console',
    '--from-beginning',
    '--max-messages',
    '20',
    '--timeout-ms',
    '60000',
    '--command-property',
    'group.protocol=consumer',
  ])
  t.is(output.match(/^[a-e]$/gm)?.length, 20, output)
  await configs('--alter', '--delete-config', 'consumer.session.timeout.ms,consumer.heartbeat.interval.ms')
  t.notRegex(await configs('--describe'), /session\.timeout\.ms=5000/)
})

test("Kafka's own tool reads every record that is kept of a group of the new protocol", async (t) => {
  const dump = await dumpLogSegments(t)
  if (dump === undefined) return
  const dir = await tempDir(t)
  const broker = await startBroker(t, { dir, port: 0, config: { 'offsets.topic.num.partitions': 1 } })
  const channel = await open(t, broker)
  const topicId = await createTopic(channel, 't', 3)
  await channel.request(FindCoordinator, 4, { keyType: 0, coordinatorKeys: ['g'] })
  const beat = async (memberId: string, memberEpoch: number, joins: object): Promise<void> => {
    const { errorCode } = await channel.request(ConsumerGroupHeartbeat, 1, { groupId: 'g', memberId, memberEpoch, ...joins })
    t.is(errorCode, 0)
  }
  const join = { rebalanceTimeoutMs: 60_000, topicPartitions: [] }
  await beat('m', 0, { ...join, subscribedTopicRegex: 't.*', rackId: 'r', serverAssignor: 'range' })
  await beat('n', 0, { ...join, subscribedTopicNames: ['t'], instanceId: 'i' })
  await beat('m', 2, {})
  await beat('m', -1, {})
  await broker.close()

  const [offsets] = await dump(await partitionFiles(joinPath(dir, '__consumer_offsets-0'), '.log'), '--offsets-decoder')
  t.deepEqual(offsets!.complaints, [])
  const data = (text: string | undefined): Record<string, unknown> => (JSON.parse(text!) as { data: Record<string, unknown> }).data
  const of = (type: number) => offsets!.records.filter(({ key }) => key?.startsWith(`{"type":"${type}"`))
  const values = (type: number) => of(type).map(({ payload }) => (payload === '<DELETE>' || payload === undefined ? null : data(payload)))
  t.deepEqual(
    values(3).map((value) => value!['epoch']),
    [2, 3, 4],
  )
  const [first, second, gone] = values(5)
  t.deepEqual([first!['subscribedTopicRegex'], first!['rackId'], first!['serverAssignor']], ['t.*', 'r', 'range'])
  t.deepEqual([second!['subscribedTopicNames'], second!['instanceId'], gone], [['t'], 'i', null])
  t.deepEqual(
    values(6).map((value) => value!['assignmentEpoch']),
    [2, 3],
  )
  t.deepEqual(values(7)[0], { topicPartitions: [{ topicId, partitions: [0, 1, 2] }] })
  const revoking = values(8).find((value) => (value?.['partitionsPendingRevocation'] as unknown[] | undefined)?.length === 1)!
  t.deepEqual([revoking['memberEpoch'], revoking['state']], [2, 1])
  t.deepEqual((revoking['assignedPartitions'] as { assignmentEpochs: number[] }[])[0]!.assignmentEpochs, [2])
  t.deepEqual(
    values(16).map((value) => value?.['topics'] ?? null),
    [['t'], null],
  )
})
