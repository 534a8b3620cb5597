import test from 'ava'

import { lateRequests } from '../support/late-requests.ts'
import { startBroker } from '../support/start-broker.ts'

for (const transactionVersion of [1, 2] as const) {
  test(`v${transactionVersion}: no transaction is torn by requests that are delivered when their client has gone on`, async (t) => {
    t.timeout(300_000)
    const broker = await startBroker(t)
    const options = { port: broker.port!, seed: 1, transactions: 36, producers: 6, transactionVersion, share: 0.12, requestTimeoutMs: 300 }
    const { faults, committed, aborted, late, lostAnswers } = await lateRequests(options)
    t.deepEqual(faults, [])
    t.true(committed > 8 && aborted > 4, `${committed} committed, ${aborted} aborted`)
    const sum = Object.values(late).reduce((all, count) => all + count, 0)
    t.true(sum > 5 && lostAnswers > 5, `${JSON.stringify(late)} came late, ${lostAnswers} answers were lost`)
  })
}
