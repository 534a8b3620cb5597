/**
 * A Kafka Streams application of two processes with exactly_once_v2: it, its state and the broker are killed with -9 at random, and its output is
 * audited.
 *
 *   npx node --conditions=moldau-source test/compat/nightly/streams.ts [--rounds 3] [--orders 20000] [--kills 8] [--instances 2] [--seed 1]
 */
import { parseArgs } from 'node:util'

import { type StreamsKill, streamsUnderKills } from '../../support/streams-kills.ts'
import { runRounds, someOf } from './rounds.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    orders: { type: 'string', default: '20000' },
    kills: { type: 'string', default: '8' },
    instances: { type: 'string', default: '2' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    verbose: { type: 'boolean', default: false },
  },
})
const sorts: readonly StreamsKill[] = ['app', 'app', 'app-and-state', 'apps', 'broker']

await runRounds('streams', Number(values.rounds), Number(values.seed), ({ t, dir, random }) =>
  streamsUnderKills(t, {
    dir,
    orders: Number(values.orders),
    instances: Number(values.instances),
    kills: someOf(sorts, Number(values.kills), random),
    random,
    log: (line) => (values.verbose || line.startsWith('kill')) && console.log(`  ${line}`),
  }),
)
