import test from 'ava'

import { hasJava } from '../support/java-app.ts'
import { seededNumbers } from '../support/seeded-numbers.ts'
import { tempDir } from '../support/start-broker.ts'
import { streamsUnderKills } from '../support/streams-kills.ts'

test('a Kafka Streams application with exactly_once_v2 counts and joins exactly, while it and the broker are killed', async (t) => {
  if (!(await hasJava(t))) return
  const faults = await streamsUnderKills(t, {
    dir: await tempDir(t),
    orders: 2000,
    kills: ['app', 'broker', 'app-and-state'],
    random: seededNumbers(1),
    log: (line) => /^kill|: (state|error) /.test(line) && t.log(line),
  })
  t.deepEqual(faults, [])
})
