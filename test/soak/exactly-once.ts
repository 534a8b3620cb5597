/**
 * Numbers are written, copied exactly once by a group, and read, all in transactions, while broker, writer and copiers are killed with -9
 * (`--faults kill`), stopped and continued (`--faults freeze`), or both: no aborted record is seen, none is lost, none doubled, and a copier
 * that wakes up when its partitions have gone to others is refused.
 *
 *   node --conditions=moldau-source test/soak/exactly-once.ts [--rounds 10] [--seed 1] [--faults both] [--copiers 4] [--partitions 8]
 *     [--count 20] [--frozen-ms 30000] [--client moldau]
 *
 * `--copiers 10 --partitions 100 --faults freeze` for groups that are stopped; `--client librdkafka` for copiers of transactions v1 in Python
 * (made with pip on first use). Round i has the seed `--seed` + i: to see one again, give its seed and `--rounds 1`.
 */
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { confluentCopier } from '../support/confluent-copier.ts'
import { copyChain, type Fault } from '../support/copy-chain.ts'
import { Tally } from './tally.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '10' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    faults: { type: 'string', default: 'both' },
    copiers: { type: 'string', default: '4' },
    partitions: { type: 'string', default: '8' },
    count: { type: 'string', default: '20' },
    'frozen-ms': { type: 'string', default: '30000' },
    client: { type: 'string', default: 'moldau' },
    verbose: { type: 'boolean', default: false },
  },
})
const kills: Fault[] = ['kill broker', 'kill copier', 'kill writer']
const freezes: Fault[] = ['freeze copier', 'freeze broker', 'freeze writer', 'freeze copier']
const kinds = { kill: kills, freeze: freezes, both: [...kills, ...freezes] }[values.faults]
if (kinds === undefined) throw new Error(`--faults is kill, freeze or both, not ${values.faults}`)
const startCopier = values.client === 'librdkafka' ? await confluentCopier() : undefined
console.log(`seed ${values.seed}`)
const log = (...what: string[]): void => console.log(`  ${(performance.now() / 1000).toFixed(2)}`, ...what)
const rounds = Number(values.rounds)
const tally = new Tally()
for (let round = 0; round < rounds; round++) {
  const dir = await mkdtemp(join(tmpdir(), 'moldau-once-'))
  const started = performance.now()
  const result = await copyChain({
    dir,
    seed: Number(values.seed) + round,
    partitions: Number(values.partitions),
    copiers: Number(values.copiers),
    kinds,
    faultCount: Number(values.count),
    sessionTimeoutMs: 3000,
    transactionTimeoutMs: 10_000,
    frozenMsMax: Number(values['frozen-ms']),
    calmMsMax: 3000,
    ...(startCopier === undefined ? {} : { startCopier }),
    ...(values.verbose ? { onFault: (what: string) => log(what), onLine: (name: string, line: string) => log(name, line) } : {}),
  })
  const { faults, injected, committed, aborted, copied, zombies, refusals } = result
  const seconds = ((performance.now() - started) / 1000).toFixed(0)
  console.log(
    `round ${round}: ${JSON.stringify(injected)}; ${copied} records in ${committed} transactions committed, ${aborted} aborted, refused ${JSON.stringify(refusals)}, ` +
      `${zombies} zombies in all; ${faults.length === 0 ? 'exact' : 'WRONG'} in ${seconds} s`,
  )
  await tally.note(faults, dir)
}
tally.end()
