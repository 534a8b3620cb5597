import { rules } from '../../connectors/hdfs/ledger/rules.ts'
import { storm } from '../support/ledger-storm.ts'

/**
 * Random walks of the ledger, tests 2 and 3 of section 9 of its paper: three writers, crashes, late, doubled and lost requests, a checkpoint
 * every two entries.
 *
 *   node --conditions=moldau-source test/soak/ledger-walks.ts [seeds, default 10000] [first seed, default 1]
 */
const seeds = Number(process.argv[2] ?? 10_000)
const first = Number(process.argv[3] ?? 1)
let failures = 0
for (const lateDeletes of [false, true]) {
  const started = performance.now()
  for (let seed = first; seed < first + seeds; seed++) {
    const failure = await storm(seed, { lateDeletes, rules })
    if (failure === undefined) continue
    failures++
    console.log(`seed ${seed}${lateDeletes ? ', late deletes' : ''}: ${failure}`)
  }
  console.log(
    `${seeds} walks${lateDeletes ? ' with late deletes' : ''} in ${Math.round((performance.now() - started) / 1000)} s, ${failures} failures`,
  )
}
process.exitCode = failures === 0 ? 0 : 1
