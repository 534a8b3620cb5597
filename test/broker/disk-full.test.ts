import test from 'ava'
import { fillDisk } from '../support/full-disk.ts'
import { notAllowed } from '../support/missing.ts'
import { seededNumbers } from '../support/seeded-numbers.ts'
import { SmallDisk } from '../support/small-disk.ts'
import { tempDir } from '../support/start-broker.ts'

/** The long version is test/soak/disk-full.ts. */

test.serial('on a disk that is full a broker refuses, serves reads and members, and goes on by itself when there is room', async (t) => {
  const disk = SmallDisk.mount(t, await tempDir(t), 'tmpfs', { megabytes: 24, ballast: 12 })
  if (typeof disk === 'string') return notAllowed(t, 'a small disk', disk)
  const { faults, records } = await fillDisk({ t, disk, rounds: 2, megabytesPerRound: 6, killShare: 0, random: seededNumbers(1) })
  t.deepEqual(faults, [])
  t.true(records > 100)
})
