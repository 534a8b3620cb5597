import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'

import test from 'ava'
import type { ExecutionContext } from 'ava'

import { connect } from '../../core/index.ts'
import type { ConsumerOptions } from '../../core/index.ts'
import { newTopic, numbers, quickHeartbeats, uniqueName } from '../support/client-kit.ts'
import { ourMember } from '../support/group-sharing.ts'
import type { SharingMember } from '../support/group-sharing.ts'
import { hasKcat } from '../support/kcat.ts'
import { startBroker } from '../support/start-broker.ts'
import { startKafka } from '../support/start-kafka.ts'

const ways: Readonly<Record<string, ConsumerOptions>> = {
  range: { partitionAssignmentStrategy: ['range'], heartbeatIntervalMs: 50 },
  'cooperative-sticky': { partitionAssignmentStrategy: ['cooperative-sticky'], heartbeatIntervalMs: 50 },
}
const COUNT = 400

/** librdkafka joins a group of ours, and leaves it: whoever of the two leads, no record is lost or read twice. */
async function shareWithKcat(t: ExecutionContext, bootstrap: string, way: string, kcatFirst: boolean): Promise<void> {
  const client = await connect(bootstrap)
  t.teardown(() => client.close())
  const topic = await newTopic(client, 4)
  const groupId = uniqueName('mixed')
  const ours = () => ourMember(client, topic, { groupId, ...ways[way] })
  const produce = async (from: number): Promise<void> => {
    const producer = client.producer()
    const sent = numbers(COUNT, from).map((value) => producer.send({ topic, partition: Number(value) % 4, value }))
    await Promise.all(sent)
    await producer.close()
  }
  const first = kcatFirst ? kcatMember(t, bootstrap, topic, groupId, way) : ours()
  while (first.partitions() !== 4) await sleep(20)
  await produce(0)
  const second = kcatFirst ? ours() : kcatMember(t, bootstrap, topic, groupId, way)
  while (first.partitions() !== 2 || second.partitions() !== 2) await sleep(20)
  await produce(COUNT)
  const other = kcatFirst ? first : second
  const all = (): string[] => [...first.seen, ...second.seen]
  while (new Set(all()).size < 2 * COUNT) await sleep(20)
  await other.end()
  await produce(2 * COUNT)
  while (new Set(all()).size < 3 * COUNT) await sleep(20)
  await (kcatFirst ? second : first).end()
  t.true(other.seen.length > 0)
  t.deepEqual(
    all().toSorted((a, b) => Number(a) - Number(b)),
    numbers(3 * COUNT),
  )
}

function kcatMember(t: ExecutionContext, bootstrap: string, topic: string, groupId: string, way: string): SharingMember {
  const options = { 'auto.offset.reset': 'earliest', 'partition.assignment.strategy': way, 'heartbeat.interval.ms': '50' }
  const settings = Object.entries(options).flatMap(([name, value]) => ['-X', `${name}=${value}`])
  const child = spawn('kcat', ['-b', bootstrap, '-u', '-E', '-G', groupId, ...settings, '-f', '%s\n', topic], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  t.teardown(() => child.kill('SIGKILL'))
  const seen: string[] = []
  const held = new Set<string>()
  createInterface(child.stdout).on('line', (line) => seen.push(line))
  createInterface(child.stderr).on('line', (line) => {
    const partitions = line.match(/\[\d+\]/g) ?? []
    if (/assigned:|incremental assignment/.test(line)) for (const p of partitions) held.add(p)
    else if (/revoke/.test(line)) for (const p of partitions) held.delete(p)
  })
  const end = async (): Promise<void> => {
    const exited = once(child, 'close')
    child.kill('SIGTERM')
    await exited
  }
  return { seen, partitions: () => held.size, end }
}

for (const way of Object.keys(ways)) {
  for (const kcatFirst of [false, true]) {
    const title = `our members and ${kcatFirst ? 'one of librdkafka that was there before' : 'one of librdkafka'} share a group (${way})`
    test.serial(`${title}, moldau`, async (t) => {
      if (!hasKcat(t)) return
      const broker = await startBroker(t, { config: { 'group.initial.rebalance.delay.ms': 0 } })
      await shareWithKcat(t, broker.bootstrap, way, kcatFirst)
    })
  }
}

test.serial('our members and librdkafka share a group, Apache Kafka', async (t) => {
  if (!hasKcat(t)) return
  const kafka = await startKafka(t, { config: quickHeartbeats })
  if (kafka === undefined) return
  for (const way of Object.keys(ways)) for (const kcatFirst of [false, true]) await shareWithKcat(t, kafka.bootstrap, way, kcatFirst)
})
