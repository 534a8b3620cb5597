/**
 * Kills the demo with -9 at random moments, many rounds of several kills, and audits lake and windows against the input each time.
 *
 *   npm run test:soak -- [--rounds 5] [--kills 4] [--seed 1] [--input FILE]
 */
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { findInput } from '../../cli/demo/input.ts'
import { auditDemo } from '../support/demo-audit.ts'
import { runWithKills } from '../support/demo-kills.ts'
import { truthOf } from '../support/flights-truth.ts'
import { seededNumbers } from '../support/seeded-numbers.ts'
import { Tally } from './tally.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    kills: { type: 'string', default: '4' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    input: { type: 'string' },
    'longest-ms': { type: 'string', default: '15000' },
  },
})
const random = seededNumbers(Number(values.seed))
const { path, note } = findInput(values.input)
console.log(`seed ${values.seed}; ${note}`)
const truth = await truthOf(path)
const tally = new Tally()
for (let round = 0; round < Number(values.rounds); round++) {
  const dir = await mkdtemp(join(tmpdir(), 'moldau-soak-'))
  const lives = Array.from({ length: Number(values.kills) }, () => 300 + Math.floor(random() * Number(values['longest-ms'])))
  const started = performance.now()
  const { verified } = await runWithKills({ dir, input: path, lives })
  const faults = await auditDemo(dir, truth)
  const seconds = ((performance.now() - started) / 1000).toFixed(0)
  console.log(
    `round ${round}: killed after ${lives.join(', ')} ms; ${faults.length === 0 ? 'exact' : 'WRONG'} in ${seconds} s; ${verified}`,
  )
  await tally.note(faults, dir)
}
tally.end()
