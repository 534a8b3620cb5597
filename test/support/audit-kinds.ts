import { ChildBroker } from './child-broker.ts'
import type { CopyingOptions } from './copying.ts'
import { launchKafka } from './start-kafka.ts'

type Memberships = readonly NonNullable<CopyingOptions['membership']>[]

const classic = (...partitionAssignmentStrategy: ('range' | 'roundrobin' | 'sticky' | 'cooperative-sticky')[]) => ({
  groupProtocol: 'classic' as const,
  partitionAssignmentStrategy,
})

/** How groups are kept; the last two change while they work, member by member. */
export const auditKinds = {
  range: [classic('range')],
  roundrobin: [classic('roundrobin')],
  sticky: [classic('sticky')],
  'cooperative-sticky': [classic('cooperative-sticky')],
  consumer: [{ groupProtocol: 'consumer' as const }],
  'eager-to-cooperative': [classic('range', 'cooperative-sticky'), classic('cooperative-sticky')],
  'classic-to-consumer': [classic('cooperative-sticky'), { groupProtocol: 'consumer' as const }],
} satisfies Record<string, Memberships>

export type AuditKind = keyof typeof auditKinds

/** Sessions that are short enough to end within a test, of both protocols. */
const settings = (sessionTimeoutMs: number) => ({
  'group.min.session.timeout.ms': 1000,
  'group.consumer.min.session.timeout.ms': 1000,
  'group.consumer.session.timeout.ms': sessionTimeoutMs,
  'group.consumer.min.heartbeat.interval.ms': 100,
  'group.consumer.heartbeat.interval.ms': 500,
  'group.consumer.migration.policy': 'bidirectional',
  'offsets.topic.num.partitions': 4,
  'transaction.state.log.num.partitions': 4,
})

/** Ours in a process of its own, or Apache Kafka. */
export async function auditServer(
  dir: string,
  { sessionTimeoutMs, kafka = false }: { sessionTimeoutMs: number; kafka?: boolean },
): Promise<{ bootstrap: string; stop(): Promise<unknown> }> {
  const config = settings(sessionTimeoutMs)
  if (kafka) return launchKafka({ config: Object.fromEntries(Object.entries(config).map(([name, value]) => [name, String(value)])) })
  const ends: (() => unknown)[] = []
  const broker = new ChildBroker({ teardown: (end) => void ends.push(end) }, dir, { ...config, durability: 'page-cache' })
  await broker.start()
  return { bootstrap: `127.0.0.1:${broker.port}`, stop: () => Promise.all(ends.map((end) => end())) }
}
