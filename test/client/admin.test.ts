import test from 'ava'

import { connect } from '../../core/index.ts'
import { tcpDialer } from '../../core/net/dialer.ts'
import { adminAclScenario } from '../support/admin-cluster-scenarios.ts'
import { adminScenarios } from '../support/admin-scenarios.ts'
import { sharedBroker } from '../support/client-kit.ts'
import type { Env } from '../support/client-kit.ts'
import { startBroker } from '../support/start-broker.ts'

const broker = sharedBroker(test)
const env = (): Env => ({ connect: (options) => connect(broker(), options), dialer: tcpDialer() })

for (const [title, scenario] of Object.entries(adminScenarios)) test(title, (t) => scenario(t, env()))

const AUTHORIZER = 'org.apache.kafka.metadata.authorizer.StandardAuthorizer'

test('access control entries are created, found and deleted, each with its own result', async (t) => {
  const guarded = await startBroker(t, { config: { 'authorizer.class.name': AUTHORIZER, 'super.users': 'User:ANONYMOUS' } })
  await adminAclScenario(t, { connect: (options) => connect(guarded, options), dialer: guarded.dialer })
})
