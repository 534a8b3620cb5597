import test from 'ava'

import { connect } from '../../core/index.ts'
import { auditKinds, auditServer } from '../support/audit-kinds.ts'
import { consumerAudit } from '../support/consumer-audit.ts'
import { hasJava } from '../support/java-app.ts'
import { tempDir } from '../support/start-broker.ts'

for (const kind of ['eager-to-cooperative', 'classic-to-consumer', 'consumer'] as const) {
  test(`Apache Kafka: members come, leave, are killed and frozen while they copy (${kind}): each number comes out once, in order`, async (t) => {
    if (!(await hasJava(t))) return
    const sessionTimeoutMs = 3000
    const server = await auditServer(await tempDir(t), { sessionTimeoutMs, kafka: true })
    t.teardown(() => server.stop())
    const client = await connect(server.bootstrap, { bootstrapTimeoutMs: 60_000, unknownTopicTimeoutMs: 60_000 })
    t.teardown(() => client.close())
    const { faults, changes, copiedBy } = await consumerAudit({
      client,
      bootstrap: server.bootstrap,
      prefix: kind,
      seed: 5,
      partitions: 8,
      members: 4,
      changes: 6,
      memberships: auditKinds[kind],
      sessionTimeoutMs,
      calmMsMax: 500,
    })
    t.deepEqual(faults, [])
    t.deepEqual(Object.keys(changes).toSorted(), ['freeze', 'join', 'kill', 'leave'])
    t.true(copiedBy.every((count) => count > 0))
  })
}
