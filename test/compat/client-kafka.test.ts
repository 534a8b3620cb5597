import test from 'ava'

import { connect } from '../../core/index.ts'
import { tcpDialer } from '../../core/net/dialer.ts'
import { quickCleaner, quickHeartbeats } from '../support/client-kit.ts'
import { scenarios } from '../support/client-scenarios.ts'
import { startKafka } from '../support/start-kafka.ts'

// One after the other: a test must not be judged by the load of the others.
for (const transactionVersion of [2, 0] as const) {
  test.serial(`the client does on Apache Kafka what it does on moldau, transaction.version ${transactionVersion}`, async (t) => {
    const kafka = await startKafka(t, { transactionVersion, config: { ...quickHeartbeats, ...quickCleaner } })
    if (kafka === undefined) return
    const env = { connect: (options?: Parameters<typeof connect>[1]) => connect(kafka.bootstrap, options), dialer: tcpDialer() }
    for (const [title, scenario] of Object.entries(scenarios)) {
      const attempt = await t.try(title, (tt) => scenario(tt, env))
      if (attempt.passed) t.log(title)
      attempt.commit()
    }
  })
}
