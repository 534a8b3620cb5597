import test, { type ExecutionContext } from 'ava'

import { connect } from '../../core/index.ts'
import { type AuditKind, auditKinds, auditServer } from '../support/audit-kinds.ts'
import { type AuditOptions, type AuditResult, consumerAudit } from '../support/consumer-audit.ts'
import { type MemorySample, trendsOf } from '../support/memory-trend.ts'
import { tempDir } from '../support/start-broker.ts'

async function audit(t: ExecutionContext, kind: AuditKind, more: Partial<AuditOptions> = {}): Promise<AuditResult> {
  t.timeout(240_000)
  const sessionTimeoutMs = 2000
  const server = await auditServer(await tempDir(t), { sessionTimeoutMs })
  t.teardown(() => server.stop())
  const client = await connect(server.bootstrap, { bootstrapTimeoutMs: 60_000, unknownTopicTimeoutMs: 60_000 })
  t.teardown(() => client.close())
  return consumerAudit({
    client,
    bootstrap: server.bootstrap,
    prefix: kind,
    seed: 3,
    partitions: 6,
    members: 3,
    changes: 6,
    memberships: auditKinds[kind],
    sessionTimeoutMs,
    calmMsMax: 500,
    ...more,
  })
}

for (const kind of ['eager-to-cooperative', 'classic-to-consumer'] as const) {
  test(`members come, leave, are killed and frozen while they copy in transactions (${kind}): each number comes out once, in order`, async (t) => {
    const { faults, changes, copiedBy } = await audit(t, kind)
    t.deepEqual(faults, [])
    t.deepEqual(Object.keys(changes).toSorted(), ['freeze', 'join', 'kill', 'leave'])
    t.true(copiedBy.every((count) => count > 0))
  })
}

test('an audit of members that commit beside their transactions names numbers that are lost', async (t) => {
  // It ends with the first fault, which takes no more than an abort.
  const { faults } = await audit(t, 'cooperative-sticky', { flaw: 'offsets', members: 2, changes: 50, kinds: ['freeze'] })
  t.regex(faults.join('\n'), /^LOST \S+-copies-\d+ at /m)
})

test('an audit of members that are not fenced names numbers that are doubled', async (t) => {
  // It ends with the first fault. What doubles is a freeze in the middle of a transaction: that is where these members spend their time.
  const { faults } = await audit(t, 'consumer', { flaw: 'fencing', members: 3, changes: 200, kinds: ['freeze'], dawdleMs: 1000 })
  t.regex(faults.join('\n'), /^DUP \S+-copies-\d+ at /m)
})

/** An hour with a sample per minute: `grows` bytes per sample on top of a heap that goes up and down. */
function hourOf(grows: number, odd: Partial<Record<number, number>> = {}): MemorySample[] {
  return Array.from({ length: 60 }, (_, n) => {
    const heapUsed = 20_000_000 + grows * n + (n % 7) * 100_000 + (odd[n] ?? 0)
    return { atMs: (n + 1) * 60_000, heapUsed, rss: 200_000_000, external: 10_000_000, arrayBuffers: 1_000_000 }
  })
}

test('memory that grows is a leak, and memory that goes up and down, or is high at the end, is none', (t) => {
  const leaks = (samples: MemorySample[]) => trendsOf(samples).flatMap(({ measure, isLeak }) => (isLeak ? measure : []))
  t.deepEqual(leaks(hourOf(0)), [])
  t.deepEqual(leaks(hourOf(0, { 59: 50_000_000, 45: 30_000_000 })), [])
  t.deepEqual(leaks(hourOf(100_000)), ['heapUsed'])
  t.deepEqual(leaks([]), [])
})
