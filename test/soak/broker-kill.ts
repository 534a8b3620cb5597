/**
 * Kills a broker with -9 at random moments while eight idempotent producers (acks=all) and two transactional ones write, starts it again, and
 * audits every record: LOST, DUP, ORDER, GHOST, OFFSET, and transactions whole or not at all. With `--tails` the segments are left as a crash in
 * the middle of a write leaves them: zeros, garbage, a part of a batch, a batch with a hole, a batch that nobody was told of cut at any byte.
 *
 *   node --conditions=moldau-source test/soak/broker-kill.ts [--rounds 200] [--seed 1] [--longest-ms 800] [--tails]
 *
 * The seed replays the moments, the loads and the tails.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { killBroker } from '../support/broker-kill.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '200' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    'longest-ms': { type: 'string', default: '800' },
    tails: { type: 'boolean', default: false },
  },
})
const rounds = Number(values.rounds)
console.log(`seed ${values.seed}`)
const dir = await mkdtemp(join(tmpdir(), 'moldau-kill-'))
const stops: (() => unknown)[] = []
const { faults, acknowledged, transactions, slowestStartMs, torn } = await killBroker({
  t: { teardown: (stop) => void stops.push(stop) },
  dir,
  rounds,
  seed: Number(values.seed),
  longestMs: Number(values['longest-ms']),
  tearsTails: values.tails,
  auditEvery: 20,
})
for (const stop of stops) await stop()
for (const fault of faults.slice(0, 20)) console.log(`  ${fault}`)
console.log(`${acknowledged} records and ${transactions} transactions; started again in at most ${slowestStartMs.toFixed(0)} ms`)
if (values.tails) console.log(`tails: ${Array.from(torn, ([tail, count]) => `${count} x ${tail}`).join(', ')}`)
if (faults.length === 0) await rm(dir, { recursive: true })
else console.log(`kept for a look: ${dir}`)
console.log(faults.length === 0 ? `${rounds} passed, 0 failed` : `0 passed, ${faults.length} failed`)
process.exit(faults.length === 0 ? 0 : 1)
