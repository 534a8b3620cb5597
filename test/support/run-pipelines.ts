import type { ExecutionContext } from 'ava'
import type { Connectable } from '../../core/cluster/address.ts'
import type { Broker } from '../../core/broker/broker.ts'
import { type Client, connect } from '../../core/index.ts'
import { type Job, type Pipeline, run, type RunOptions } from '../../pipelines/index.ts'
import { CutOff } from './cut-off.ts'
import { startBroker } from './start-broker.ts'

/** A broker whose internal topics are few files, and which lets go of dead members soon. */
export function startSmallBroker(t: ExecutionContext, more: Readonly<Record<string, unknown>> = {}): Promise<Broker> {
  const config = {
    ...more,
    'offsets.topic.num.partitions': 3,
    'transaction.state.log.num.partitions': 3,
    'group.min.session.timeout.ms': 500,
  }
  return startBroker(t, { port: null, config })
}

/** Everything that is committed in a topic, as text, partition by partition. */
export async function readAll<V>(client: Client, name: string, deserialize: (b: Buffer) => V): Promise<{ key: string; value: V }[]> {
  const consumer = client.consumer({ isolationLevel: 'read_committed', autoOffsetReset: 'earliest' })
  const [topicInfo] = await client.admin.describeTopics([name])
  const partitions = topicInfo!.partitions.map(({ partition }) => ({ topic: name, partition }))
  const ends = await consumer.endOffsets(partitions)
  consumer.assign(partitions.map((p) => ({ ...p, offset: 0 })))
  const records: { key: string; value: V }[] = []
  while (partitions.some((p) => (consumer.position(p) ?? 0) < ends.get(`${p.topic}-${p.partition}`)!)) {
    for (const { columns, from, count } of await consumer.poll(50)) {
      for (let i = from; i < from + count; i++) records.push({ key: String(columns.key(i)), value: deserialize(columns.value(i)!) })
    }
  }
  await consumer.close()
  return records
}

/** Runs pipelines on a connection of their own, which a kill takes away. */
export async function start(
  t: ExecutionContext,
  broker: Connectable,
  pipelines: Pipeline[],
  options: Partial<RunOptions> = {},
): Promise<{ job: Job; kill: () => void; line: CutOff }> {
  const line = new CutOff(broker)
  const client = await connect(line)
  const job = await run(pipelines, {
    client,
    instanceId: 'one',
    epoch: { records: 500, ms: 5 },
    retryMs: 0,
    sessionTimeoutMs: 2000,
    ...options,
  })
  // As after kill -9, nothing more is heard of it; what is left of it in this process finds the line cut.
  const kill = () => {
    line.cut()
    job.done.catch(() => undefined)
    void client.close()
  }
  t.teardown(kill)
  return { job, kill, line }
}
