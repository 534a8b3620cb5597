/**
 * The tests of the client franz-go (its package kgo, of the version in test/compat/go/go.mod) against our broker, with as many records as told.
 * README.md names the tests that cannot pass, and why.
 *
 *   npx node --conditions=moldau-source test/compat/nightly/franz-go.ts [--records 100000] [--run REGEXP] [--chaos]
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

import { ChildBroker } from '../../support/child-broker.ts'
import { goModule } from '../../support/go.ts'
import { goTests } from './go-tests.ts'

const { values } = parseArgs({
  options: {
    records: { type: 'string', default: '100000' },
    run: { type: 'string', default: '.' },
    /** Connections that die every second. */
    chaos: { type: 'boolean', default: false },
    verbose: { type: 'boolean', default: false },
  },
})
const dir = await mkdtemp(join(tmpdir(), 'moldau-franz-'))
const ends: (() => unknown)[] = []
const broker = new ChildBroker({ teardown: (end) => void ends.push(end) }, dir, { durability: 'page-cache' })
await broker.start()
const env = {
  ...process.env,
  KGO_SEEDS: `127.0.0.1:${broker.port}`,
  KGO_TEST_RF: '1',
  KGO_TEST_RECORDS: values.records,
  KGO_LOG_LEVEL: 'none',
  ...(values.chaos ? { KGO_TEST_CHAOS: '1' } : {}),
}
const args = ['github.com/twmb/franz-go/pkg/kgo', `-run=${values.run}`]
const finish = await goTests({ cwd: goModule, env, args, verbose: values.verbose })
for (const end of ends) await end()
await rm(dir, { recursive: true, force: true })
finish()
