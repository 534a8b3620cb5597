import test from 'ava'

import { copyChain } from '../support/copy-chain.ts'
import { tempDir } from '../support/start-broker.ts'

test('records go through two topics exactly once while broker, writer and copiers are killed and stopped, and zombies are refused', async (t) => {
  t.timeout(300_000)
  const { faults, injected, committed, copied, zombies } = await copyChain({
    dir: await tempDir(t),
    seed: 3,
    partitions: 4,
    copiers: 2,
    kinds: ['freeze copier', 'kill broker', 'kill copier', 'freeze broker', 'kill writer'],
    faultCount: 5,
    sessionTimeoutMs: 1000,
    transactionTimeoutMs: 3000,
    frozenMsMax: 2800,
    calmMsMax: 400,
  })
  t.deepEqual(faults, [])
  t.deepEqual(injected, { 'freeze copier': 1, 'kill broker': 1, 'kill copier': 1, 'freeze broker': 1, 'kill writer': 1 })
  t.true(committed >= 1 && copied >= 5, `${committed} transactions with ${copied} records`)
  t.log(`${copied} records in ${committed} transactions, ${zombies} zombies`)
})
