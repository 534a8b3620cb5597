import test from 'ava'

import { connect } from '../../core/index.ts'
import { tcpDialer } from '../../core/net/dialer.ts'
import { adminAclScenario } from '../support/admin-cluster-scenarios.ts'
import { adminScenarios } from '../support/admin-scenarios.ts'
import { startKafka } from '../support/start-kafka.ts'

const GUARDED = {
  'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
  'super.users': 'User:ANONYMOUS',
}

test('an administrator does with Apache Kafka what is done with moldau', async (t) => {
  const kafka = await startKafka(t)
  if (kafka === undefined) return
  const env = { connect: (options?: Parameters<typeof connect>[1]) => connect(kafka.bootstrap, options), dialer: tcpDialer() }
  for (const [title, scenario] of Object.entries(adminScenarios)) {
    const attempt = await t.try(title, (tt) => scenario(tt, env))
    if (attempt.passed) t.log(title)
    attempt.commit()
  }
})

test('access control entries of Apache Kafka are created, found and deleted', async (t) => {
  const kafka = await startKafka(t, { config: GUARDED })
  if (kafka === undefined) return
  await adminAclScenario(t, { connect: (options) => connect(kafka.bootstrap, options), dialer: tcpDialer() })
})
