/**
 * A broker in a process of its own whose wall clock leaps ahead and back by an hour or a day, and drifts (libfaketime: apt-get install
 * faketime): no session and no transaction ends, no record, offset, id or producer goes before its time.
 *
 *   node --conditions=moldau-source test/soak/clock-leaps.ts [--leaps 30] [--seed 1]
 *
 * The seed replays the leaps.
 */
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { ChildBroker } from '../support/child-broker.ts'
import { LongLived } from '../support/long-lived.ts'
import { seededNumbers } from '../support/seeded-numbers.ts'

const { values } = parseArgs({
  options: { leaps: { type: 'string', default: '30' }, seed: { type: 'string', default: String(Date.now() % 1_000_000) } },
})
const HOUR_S = 3600
const DAY_S = 24 * HOUR_S
/** As libfaketime writes them: seconds from the true time, and how fast time goes, which stays as it was where it is left out. */
const settings = [`+${HOUR_S} x1`, `-${HOUR_S} x1`, `+${DAY_S} x1`, `-${DAY_S} x1`, '+0 x1', '+0 x3', '+0 x0.3']
console.log(`seed ${values.seed}`)
const random = seededNumbers(Number(values.seed))
const dir = await mkdtemp(join(tmpdir(), 'moldau-clock-'))
const file = join(dir, 'faketime')
writeFileSync(file, '+0\n')
const ends: (() => unknown)[] = []
const config = {
  'log.retention.check.interval.ms': 500,
  'offsets.retention.minutes': 60,
  'offsets.retention.check.interval.ms': 500,
  'transactional.id.expiration.ms': HOUR_S * 1000,
  'producer.id.expiration.ms': HOUR_S * 1000,
}
const env = {
  LD_PRELOAD: libfaketime(),
  FAKETIME_TIMESTAMP_FILE: file,
  FAKETIME_NO_CACHE: '1',
  // The monotonic clock of a machine does not leap.
  FAKETIME_DONT_FAKE_MONOTONIC: '1',
  DONT_FAKE_MONOTONIC: '1',
}
const broker = new ChildBroker({ teardown: (end) => void ends.push(end) }, join(dir, 'data'), config, env)
await broker.start()
const channel = await broker.open()
const all = await LongLived.begin(channel, {
  now: () => Date.now(),
  retentionMs: HOUR_S * 1000,
  sessionTimeoutMs: 6000,
  transactionTimeoutMs: 15 * 60_000,
})
const faults: string[] = []
let leaps = 0
for (; leaps < Number(values.leaps) && faults.length === 0; leaps++) {
  const setting = settings[Math.floor(random() * settings.length)]!
  writeFileSync(file, `${setting}\n`)
  for (let beat = 0; beat < 8; beat++) {
    faults.push(...(await all.beat()))
    await wait(250)
  }
  // What the broker stamps tells that its clock has followed.
  const off = (await all.brokerTime()) - Date.now()
  const meant = setting.endsWith(' x1') ? Number.parseInt(setting, 10) * 1000 : undefined
  if (meant !== undefined && Math.abs(off - meant) > 60_000)
    faults.push(`the clock is ${off} ms off in place of ${meant}: libfaketime does not work`)
  faults.push(...(await all.missing()).map((fault) => `with ${setting}: ${fault}`))
}
const ended = await all.end()
if (ended !== 'NONE') faults.push(`the transaction is answered ${ended}`)
for (const end of ends) await end()
for (const fault of faults) console.log(`  ${fault}`)
if (faults.length === 0) await rm(dir, { recursive: true })
else console.log(`kept for a look: ${dir}`)
console.log(faults.length === 0 ? `${leaps} passed, 0 failed` : `${leaps} passed, ${faults.length} failed`)
process.exit(faults.length === 0 ? 0 : 1)

function libfaketime(): string {
  for (const lib of ['/usr/lib', ...readdirSync('/usr/lib').map((name) => join('/usr/lib', name))]) {
    const path = join(lib, 'faketime', 'libfaketimeMT.so.1')
    if (existsSync(path)) return path
  }
  throw new Error('libfaketime is not installed: apt-get install faketime')
}
