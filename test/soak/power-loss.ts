/**
 * Runs a whole broker on a disk that loses power at random moments and keeps any part of what was not synced, and audits what was promised.
 *
 *   node --conditions=moldau-source test/soak/power-loss.ts [--runs 200] [--rounds 8] [--seed 1] [--no-faults]
 *
 * Run `i` has the seed `--seed` + i: to see one again, give its seed and `--runs 1`.
 */
import { parseArgs } from 'node:util'
import { powerStorm } from '../support/power-storm.ts'

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '200' },
    rounds: { type: 'string', default: '8' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    'no-faults': { type: 'boolean', default: false },
  },
})
console.log(`seed ${values.seed}`)
process.on('unhandledRejection', (error) => {
  console.log('unhandled rejection:', error)
  process.exit(1)
})
let failed = 0
for (let run = 0; run < Number(values.runs); run++) {
  const seed = Number(values.seed) + run
  const faults = await powerStorm({ seed, rounds: Number(values.rounds), faults: !values['no-faults'] })
  if (faults.length === 0) continue
  failed++
  console.log(`seed ${seed}:`)
  for (const fault of faults.slice(0, 10)) console.log(`  ${fault}`)
}
console.log(`${Number(values.runs) - failed} passed, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)
