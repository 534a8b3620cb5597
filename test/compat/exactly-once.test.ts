import test from 'ava'

import { confluentCopier } from '../support/confluent-copier.ts'
import { copyChain } from '../support/copy-chain.ts'
import { tempDir } from '../support/start-broker.ts'

/** The long version is test/soak/exactly-once.ts; Java's copier is in java-copier.test.ts. */
test('librdkafka copies exactly once (transactions v1) while broker and copiers are killed and stopped, and zombies are refused', async (t) => {
  const { faults, committed, copied, zombies } = await copyChain({
    dir: await tempDir(t),
    seed: 4,
    partitions: 4,
    copiers: 2,
    kinds: ['kill broker', 'kill copier', 'freeze copier', 'freeze copier', 'kill writer', 'freeze broker'],
    faultCount: 8,
    sessionTimeoutMs: 3000,
    transactionTimeoutMs: 10_000,
    frozenMsMax: 10_000,
    calmMsMax: 2000,
    startCopier: await confluentCopier(),
  })
  t.deepEqual(faults, [])
  t.true(committed >= 1 && copied >= 5, `${committed} transactions with ${copied} records`)
  t.log(`${copied} records in ${committed} transactions, ${zombies} zombies`)
})
