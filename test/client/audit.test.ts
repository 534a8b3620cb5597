import test from 'ava'

import { connect } from '../../core/index.ts'
import { auditKinds, auditServer } from '../support/audit-kinds.ts'
import { consumerAudit } from '../support/consumer-audit.ts'
import { type MemorySample, trendsOf } from '../support/memory-trend.ts'
import { tempDir } from '../support/start-broker.ts'

for (const kind of ['eager-to-cooperative', 'consumer'] as const) {
  test(`members come, leave, are killed and frozen while they copy in transactions (${kind}): each number comes out once, in order`, async (t) => {
    t.timeout(240_000)
    const server = await auditServer(await tempDir(t), false)
    t.teardown(() => server.stop())
    const client = await connect(server.bootstrap, { bootstrapTimeoutMs: 60_000, unknownTopicTimeoutMs: 60_000 })
    t.teardown(() => client.close())
    const { faults, copied, changes } = await consumerAudit({
      client,
      bootstrap: server.bootstrap,
      prefix: kind,
      seed: 3,
      partitions: 6,
      members: 4,
      changes: 6,
      memberships: auditKinds[kind],
      sessionTimeoutMs: 2000,
      calmMsMax: 500,
    })
    t.deepEqual(faults, [])
    t.true(copied > 0)
    t.true(Object.keys(changes).length > 1)
  })
}

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
