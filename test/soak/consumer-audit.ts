/**
 * About twenty consumers come, leave, are killed with -9 and stopped for longer than their session, while a writer writes numbers; each copies in
 * transactions with the metadata of its group. What comes out holds each number once, in order: with each assignor of the classic protocol, with
 * the group protocol of KIP-848, and with a group that is moved from one to the next, where members of both have to copy.
 *
 *   npx node --conditions=moldau-source test/soak/consumer-audit.ts [--changes 100] [--members 20] [--partitions 40] [--seed 1]
 *     [--kinds range,sticky,...] [--kafka] [--break offsets|fencing]
 *
 * `--kafka`: against Apache Kafka in place of our broker. `--break`: members that commit beside their transactions, or that cannot be fenced; then it
 * must fail. Round i has the seed `--seed` + i.
 */
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { connect } from '../../core/index.ts'
import { auditKinds, type AuditKind, auditServer } from '../support/audit-kinds.ts'
import { consumerAudit } from '../support/consumer-audit.ts'
import type { CopyingFlaw } from '../support/copying.ts'
import { Tally } from './tally.ts'

const { values } = parseArgs({
  options: {
    changes: { type: 'string', default: '100' },
    members: { type: 'string', default: '20' },
    partitions: { type: 'string', default: '40' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    kinds: { type: 'string', default: Object.keys(auditKinds).join() },
    'calm-ms': { type: 'string', default: '2000' },
    kafka: { type: 'boolean', default: false },
    break: { type: 'string' },
  },
})
const SESSION_TIMEOUT_MS = 6000
const flaw = values.break as CopyingFlaw | undefined
if (flaw !== undefined && flaw !== 'offsets' && flaw !== 'fencing') throw new Error(`--break is offsets or fencing, not ${values.break}`)
console.log(`seed ${values.seed}`)
const tally = new Tally()
const names = values.kinds.split(',') as AuditKind[]
for (const [round, name] of names.entries()) {
  const memberships = auditKinds[name]
  if (memberships === undefined) throw new Error(`--kinds are of ${Object.keys(auditKinds).join(', ')}, not ${name}`)
  const dir = await mkdtemp(join(tmpdir(), 'moldau-audit-'))
  const server = await auditServer(dir, { sessionTimeoutMs: SESSION_TIMEOUT_MS, kafka: values.kafka })
  const client = await connect(server.bootstrap, { bootstrapTimeoutMs: 60_000, unknownTopicTimeoutMs: 60_000 })
  const began = performance.now()
  const { faults, changes, joins, alive, copied, copiedBy, committed, aborted, refusals } = await consumerAudit({
    client,
    bootstrap: server.bootstrap,
    prefix: name,
    seed: Number(values.seed) + round,
    partitions: Number(values.partitions),
    members: Number(values.members),
    changes: Number(values.changes),
    memberships,
    sessionTimeoutMs: SESSION_TIMEOUT_MS,
    calmMsMax: Number(values['calm-ms']),
    onChange: (what) => console.log(`  ${((performance.now() - began) / 1000).toFixed(1)} ${name} ${what}`),
    ...(flaw === undefined ? {} : { flaw }),
  })
  await client.close()
  await server.stop()
  console.log(
    `${name}, seed ${Number(values.seed) + round}: ${JSON.stringify(changes)}, ${joins} processes, ${alive.toFixed(1)} alive; ` +
      `${copied} records (by membership ${copiedBy.join()}) in ${committed} transactions, ${aborted} aborted, refused ${JSON.stringify(refusals)}; ` +
      (faults.length === 0 ? 'exact' : 'WRONG'),
  )
  await tally.note(faults, dir)
}
tally.end()
