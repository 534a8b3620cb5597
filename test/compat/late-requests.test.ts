import test from 'ava'

import { ChildBroker } from '../support/child-broker.ts'
import { foreignLateRequests } from '../support/foreign-late.ts'
import { tempDir } from '../support/start-broker.ts'

/** The long version is test/soak/late-requests.ts. */
for (const client of ['librdkafka', 'java-v1', 'java-v2'] as const) {
  test.serial(`${client}: no transaction is torn by requests that are delivered when their client has gone on`, async (t) => {
    const broker = new ChildBroker(t, await tempDir(t))
    await broker.start()
    const transactionVersion = client === 'java-v2' ? 2 : 1
    const options = {
      port: broker.port,
      seed: 1,
      transactions: 160,
      producers: 8,
      transactionVersion,
      share: 0.08,
      requestTimeoutMs: 1000,
    } as const
    const { faults, committed, aborted, late, lostAnswers } = await foreignLateRequests(client, options)
    t.deepEqual(faults, [])
    t.true(committed > 40 && aborted > 20, `${committed} committed, ${aborted} aborted`)
    const sum = Object.values(late).reduce((all, count) => all + count, 0)
    t.true(sum > 10 && lostAnswers > 10, `${JSON.stringify(late)} came late, ${lostAnswers} answers were lost`)
  })
}
