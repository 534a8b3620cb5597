/**
 * A job with state, repartition topics, windows, a join and dead letters in three processes with standby replicas, while one fault after the other
 * is made: processes killed with -9, frozen, joined by another one, ended by what they run; the broker killed with -9, or slow. Each record must
 * count once in each output.
 *
 *   npx node --conditions=moldau-source test/soak/pipelines-kill.ts [--rounds 100] [--seed 1] [--kafka] [--faults kill,freeze,…] [--break guarantee]
 *
 * --kafka: on Apache Kafka. --break guarantee: at-least-once, so that it fails.
 */
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

import { seededNumbers } from '../support/seeded-numbers.ts'
import { kafkaForShop, moldauForShop } from '../support/shop-brokers.ts'
import { SHOP_FAULTS, shopUnderFaults, type ShopFault } from '../support/shop-rig.ts'
import { Tally } from './tally.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '100' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    kafka: { type: 'boolean', default: false },
    faults: { type: 'string', default: SHOP_FAULTS.join(',') },
    break: { type: 'string' },
  },
})
const faults = values.faults.split(',') as ShopFault[]
const unknown = faults.find((fault) => !SHOP_FAULTS.includes(fault))
if (unknown !== undefined || (values.break !== undefined && values.break !== 'guarantee')) {
  console.error(`--faults takes ${SHOP_FAULTS.join(', ')}; --break takes guarantee`)
  process.exit(2)
}
console.log(`seed ${values.seed}`)
// Brokers that do not answer are what this is about.
process.env['MOLDAU_LOG_LEVEL'] ??= 'silent'
const tally = new Tally()
const dir = await mkdtemp(join(tmpdir(), 'moldau-shop-'))
const ends: (() => unknown)[] = []
const t = { teardown: (end: () => unknown) => void ends.push(end) }
const wrong = await shopUnderFaults(t, {
  dir,
  broker: await (values.kafka ? kafkaForShop(t) : moldauForShop(t, join(dir, 'broker'))),
  rounds: Number(values.rounds),
  faults,
  random: seededNumbers(Number(values.seed)),
  ...(values.break === 'guarantee' && { guarantee: 'at-least-once' }),
  log: (line) => console.log(line),
})
for (const end of ends.toReversed()) await end()
await tally.note(wrong, dir)
tally.end()
