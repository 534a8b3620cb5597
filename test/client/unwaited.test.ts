import { join } from 'node:path'

import test from 'ava'
import type { ExecutionContext } from 'ava'

import { connect } from '../../core/index.ts'
import { runCommand } from '../support/run-command.ts'
import type { Finished } from '../support/run-command.ts'
import { startBroker } from '../support/start-broker.ts'

const program = join(import.meta.dirname, '../support/unwaited-sends.ts')

async function run(t: ExecutionContext, how: string): Promise<Finished> {
  const broker = await startBroker(t, { config: { 'auto.create.topics.enable': false } })
  const client = await connect(broker)
  await client.admin.createTopics([{ name: 'out', partitions: 1 }])
  await client.close()
  return runCommand(process.execPath, ['--conditions=moldau-source', program, broker.bootstrap, how])
}

for (const how of ['fenced', 'unknown topic']) {
  test(`a program that does not wait for its sends in a transaction hears of it by commit(), and goes on: ${how}`, async (t) => {
    const { code, stdout, stderr } = await run(t, how)
    t.is(stdout, 'to be aborted\nclosed\n', stderr)
    t.is(code, 0)
  })
}

test('a send that the transaction commits without is not passed over in silence', async (t) => {
  const { code, stderr } = await run(t, 'invalid')
  t.is(code, 1)
  t.regex(stderr, /INVALID_ARGUMENT|partition 7/)
})
