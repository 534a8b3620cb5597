import test from 'ava'

import { connectUnderKills } from '../support/connect-kills.ts'
import { hasJava } from '../support/java-app.ts'
import { seededNumbers } from '../support/seeded-numbers.ts'
import { tempDir } from '../support/start-broker.ts'

test('Kafka Connect brings the lines of a file into a topic exactly once, and into a file, while worker and broker are killed', async (t) => {
  if (!(await hasJava(t))) return
  const faults = await connectUnderKills(t, {
    dir: await tempDir(t),
    lines: 3000,
    kills: ['worker', 'broker'],
    random: seededNumbers(1),
    log: (line) => line.startsWith('kill') && t.log(line),
  })
  t.deepEqual(faults, [])
})
