/**
 * Flips bits, one at a time, at random places of all files of a broker, starts it and reads everything.
 *
 *   node --conditions=moldau-source test/soak/bit-flips.ts [--flips 1000] [--seed 1]
 */
import { parseArgs } from 'node:util'
import { flipBits, image } from '../support/bit-flips.ts'

const { values } = parseArgs({
  options: { flips: { type: 'string', default: '1000' }, seed: { type: 'string', default: String(Date.now() % 1_000_000) } },
})
console.log(`seed ${values.seed}`)
let failed = 0
for (const clean of [true, false]) {
  const { faults, refused, named } = await flipBits(await image(clean), Number(values.flips) / 2, Number(values.seed))
  console.log(`${clean ? 'clean stop' : 'kill'}: ${refused} times no start, with the reason; ${named} times damage told to the consumer`)
  for (const fault of faults.slice(0, 20)) console.log(`  ${fault}`)
  failed += faults.length
}
console.log(`${Number(values.flips) - failed} passed, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)
