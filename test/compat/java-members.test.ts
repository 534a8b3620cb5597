import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import test from 'ava'
import type { ExecutionContext } from 'ava'

import { connect } from '../../core/index.ts'
import type { Client, ConsumerOptions } from '../../core/index.ts'
import { newTopic, numbers, quickHeartbeats, uniqueName } from '../support/client-kit.ts'
import { numberStream, ourMember } from '../support/group-sharing.ts'
import type { SharingMember } from '../support/group-sharing.ts'
import { hasJava, javaClasses, startJava } from '../support/java-app.ts'
import { startBroker, tempDir } from '../support/start-broker.ts'
import { startKafka } from '../support/start-kafka.ts'

interface Way {
  ours: ConsumerOptions
  java: readonly string[]
}

const classic = (name: 'range' | 'cooperative-sticky', className: string): Way => ({
  ours: { partitionAssignmentStrategy: [name], heartbeatIntervalMs: 50 },
  java: ['--assignment-strategy', `org.apache.kafka.clients.consumer.${className}`],
})

const ways: readonly Way[] = [
  classic('range', 'RangeAssignor'),
  classic('cooperative-sticky', 'CooperativeStickyAssignor'),
  { ours: { groupProtocol: 'consumer' }, java: ['--group-protocol', 'consumer'] },
]

/** Kafka's own consumer, that commits what each of its polls has brought before the next one. */
async function javaMember(t: ExecutionContext, bootstrap: string, topic: string, groupId: string, way: Way): Promise<SharingMember> {
  const dir = await tempDir(t)
  const settings = join(dir, 'consumer.properties')
  await writeFile(settings, way.ours.groupProtocol === 'consumer' ? '' : 'heartbeat.interval.ms=50\n')
  const seen: string[] = []
  const held = new Set<number>()
  const note = (line: string): void => {
    if (!line.startsWith('{')) return
    const event = JSON.parse(line) as { name: string; value?: string; partitions?: { partition: number }[] }
    if (event.name === 'record_data') seen.push(event.value!)
    else if (event.name === 'partitions_assigned') for (const { partition } of event.partitions!) held.add(partition)
    else if (event.name === 'partitions_revoked') for (const { partition } of event.partitions!) held.delete(partition)
  }
  const where = ['--bootstrap-server', bootstrap, '--topic', topic, '--group-id', groupId, '--reset-policy', 'earliest']
  const args = [...where, '--verbose', '--command-config', settings, ...way.java]
  const className = 'org.apache.kafka.tools.VerifiableConsumer'
  const program = await startJava(t, { classes: await javaClasses(), dir, className, args }, note)
  return { seen, partitions: () => held.size, end: () => program.end() }
}

/** A consumer of Java joins a group of ours while records are written, leaves, and comes back. */
async function shareWithJava(t: ExecutionContext, client: Client, bootstrap: string, way: Way): Promise<void> {
  const topic = await newTopic(client, 4)
  const groupId = uniqueName('java')
  const ours = ourMember(client, topic, { groupId, ...way.ours })
  const stopStream = numberStream(client, topic)
  while (ours.partitions() !== 4) await sleep(20)
  const theirs: SharingMember[] = []
  for (let life = 0; life < 2; life++) {
    const java = await javaMember(t, bootstrap, topic, groupId, way)
    theirs.push(java)
    while (ours.partitions() !== 2 || java.partitions() !== 2 || java.seen.length < 50) await sleep(20)
    await java.end()
    while (ours.partitions() !== 4) await sleep(20)
  }
  const count = await stopStream()
  const all = (): string[] => [ours, ...theirs].flatMap(({ seen }) => seen)
  while (new Set(all()).size < count) await sleep(20)
  await ours.end()
  t.deepEqual(
    all().toSorted((a, b) => Number(a) - Number(b)),
    numbers(count),
  )
}

/** All ways at once: most of the time a virtual machine is waited for. */
async function shareInAllWays(t: ExecutionContext, bootstrap: string): Promise<void> {
  const client = await connect(bootstrap)
  t.teardown(() => client.close())
  await Promise.all(ways.map((way) => shareWithJava(t, client, bootstrap, way)))
}

test.serial("our members and Kafka's own consumer share a group, moldau", async (t) => {
  if (!(await hasJava(t))) return
  const broker = await startBroker(t, { port: 0, config: { 'group.initial.rebalance.delay.ms': 0, ...quickHeartbeats } })
  await shareInAllWays(t, broker.bootstrap)
})

test.serial("our members and Kafka's own consumer share a group, Apache Kafka", async (t) => {
  const kafka = await startKafka(t, { config: quickHeartbeats })
  if (kafka === undefined) return
  await shareInAllWays(t, kafka.bootstrap)
})
