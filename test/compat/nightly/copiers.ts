/**
 * Each client that has transactions copies numbered records, some transactions aborted, while copier and broker are killed with -9 at random.
 *
 *   npx node --conditions=moldau-source test/compat/nightly/copiers.ts [--rounds 2] [--records 20000] [--kills 10] [--seed 1] [--client NAME]
 */
import { parseArgs } from 'node:util'

import { copyUnderKills, numbersFor, numbersIn, produceWith, stage, topic } from '../../support/client-kills.ts'
import { type ClientName, clientPrograms } from '../../support/client-program.ts'
import { runRounds, someOf } from './rounds.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '2' },
    records: { type: 'string', default: '20000' },
    kills: { type: 'string', default: '10' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    client: { type: 'string' },
    verbose: { type: 'boolean', default: false },
  },
})
const withTransactions = (Object.keys(clientPrograms) as ClientName[]).filter((name) => name !== 'segmentio')
const clients = values.client === undefined ? withTransactions : withTransactions.filter((name) => name === values.client)
const records = Number(values.records)
let round = 0

await runRounds('copiers', Number(values.rounds) * clients.length, Number(values.seed), async ({ t, dir, random }) => {
  const name = clients[round++ % clients.length]!
  console.log(`  ${name}`)
  const program = await clientPrograms[name]()
  const at = await stage(t, dir)
  await topic(at, 'in')
  await topic(at, 'out')
  await produceWith(at, program, 'in', 0, records)
  await copyUnderKills(at, program, {
    source: 'in',
    target: 'out',
    records,
    kills: someOf(['copier', 'broker'] as const, Number(values.kills), random),
    random,
    log: (line) => (values.verbose || line.startsWith('kill')) && console.log(`  ${line}`),
  })
  const expected = numbersFor(records)
  return (await numbersIn(at, 'out')).flatMap((numbers, partition) => {
    const wrong = expected[partition]!.findIndex((n, i) => numbers[i] !== n)
    if (wrong === -1 && numbers.length === expected[partition]!.length) return []
    return [`${name}: partition ${partition} has ${numbers.length} records; at ${wrong} ${numbers.slice(wrong, wrong + 5).join(', ')}`]
  })
})
