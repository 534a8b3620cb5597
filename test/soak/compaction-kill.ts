/**
 * Kills a broker that compacts all the time with -9 at random moments, under keyed upserts, tombstones and transactions; audits after each.
 *
 *   node --conditions=moldau-source test/soak/compaction-kill.ts [--rounds 10] [--kills 10] [--seed 1] [--longest-ms 1500]
 */
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { compactWithKills } from '../support/compaction-kill.ts'
import { seededNumbers } from '../support/seeded-numbers.ts'
import { Tally } from './tally.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '10' },
    kills: { type: 'string', default: '10' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    'longest-ms': { type: 'string', default: '1500' },
  },
})
const random = seededNumbers(Number(values.seed))
console.log(`seed ${values.seed}`)
const tally = new Tally()
for (let round = 0; round < Number(values.rounds); round++) {
  const dir = await mkdtemp(join(tmpdir(), 'moldau-soak-'))
  const lives = Array.from({ length: Number(values.kills) }, () => 50 + Math.floor(random() * Number(values['longest-ms'])))
  const stops: (() => Promise<void>)[] = []
  const { faults, acknowledged, cleanedTo } = await compactWithKills({ dir, lives, random, teardown: (stop) => void stops.push(stop) })
  for (const stop of stops) await stop()
  const verdict = faults.length > 0 ? 'WRONG' : cleanedTo > 0 ? 'right' : 'NOT COMPACTED'
  console.log(
    `round ${round}: ${verdict}; killed after ${lives.join(', ')} ms; ${acknowledged} acknowledged, compacted to offset ${cleanedTo}`,
  )
  await tally.note(cleanedTo > 0 ? faults : [...faults, 'nothing was compacted'], dir)
}
tally.end()
