/**
 * Kafka Connect in distributed mode: lines of a file into a topic, exactly once, and into a file; worker and broker are killed with -9 at random.
 *
 *   npx node --conditions=moldau-source test/compat/nightly/connect.ts [--rounds 3] [--lines 20000] [--kills 6] [--seed 1]
 */
import { parseArgs } from 'node:util'

import { connectUnderKills } from '../../support/connect-kills.ts'
import { runRounds, someOf } from './rounds.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    lines: { type: 'string', default: '20000' },
    kills: { type: 'string', default: '6' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    verbose: { type: 'boolean', default: false },
  },
})

await runRounds('connect', Number(values.rounds), Number(values.seed), ({ t, dir, random }) =>
  connectUnderKills(t, {
    dir,
    lines: Number(values.lines),
    kills: someOf(['worker', 'broker'] as const, Number(values.kills), random),
    random,
    log: (line) => (values.verbose || line.startsWith('kill')) && console.log(`  ${line}`),
  }),
)
