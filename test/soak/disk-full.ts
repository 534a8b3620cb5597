/**
 * Fills a small disk under a broker again and again, and kills the broker with -9 on the full disk now and then; tmpfs and ext4 in turn. Needs root.
 * The long version of test/broker/disk-full.test.ts.
 *
 *   node --conditions=moldau-source test/soak/disk-full.ts [--disks 10] [--rounds 8] [--seed 1]
 *
 * Disk `i` has the seed `--seed` + i.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { fillDisk } from '../support/full-disk.ts'
import { seededNumbers } from '../support/seeded-numbers.ts'
import { SmallDisk, fileSystems } from '../support/small-disk.ts'

const { values } = parseArgs({
  options: {
    disks: { type: 'string', default: '10' },
    rounds: { type: 'string', default: '8' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
  },
})
/** What there must be again within, once there is room. */
const RECOVERY_MS_MAX = 10_000
const rounds = Number(values.rounds)
const MEGABYTES_PER_ROUND = 4
console.log(`seed ${values.seed}`)
let failed = 0
for (let i = 0; i < Number(values.disks); i++) {
  const kind = fileSystems[i % fileSystems.length]!
  const parent = await mkdtemp(join(tmpdir(), 'moldau-full-'))
  const stops: (() => unknown)[] = []
  const t = { teardown: (stop: () => unknown) => void stops.push(stop) }
  const ballast = rounds * MEGABYTES_PER_ROUND
  const disk = SmallDisk.mount(t, parent, kind, { megabytes: ballast + 16, ballast })
  if (typeof disk === 'string') {
    console.log(`skipped: ${disk}`)
    continue
  }
  const random = seededNumbers(Number(values.seed) + i)
  const result = await fillDisk({ t, disk, rounds, megabytesPerRound: MEGABYTES_PER_ROUND, killShare: 0.4, random })
  const { records, kills, slowestRecoveryMs } = result
  const faults = [...result.faults]
  if (slowestRecoveryMs > RECOVERY_MS_MAX) faults.push(`taken again only ${slowestRecoveryMs.toFixed(0)} ms after there was room`)
  console.log(`${kind}: ${records} records, ${kills} kills, taken again after at most ${slowestRecoveryMs.toFixed(0)} ms`)
  for (const fault of faults.slice(0, 20)) console.log(`  ${fault}`)
  if (faults.length > 0) failed++
  for (const stop of stops.toReversed()) await stop()
  await rm(parent, { recursive: true })
}
console.log(`${Number(values.disks) - failed} passed, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)
