import test from 'ava'

import { tcpDialer } from '../../core/net/dialer.ts'
import { connect } from '../../core/index.ts'
import { scenarios } from '../support/client-scenarios.ts'
import { sharedBroker } from '../support/client-kit.ts'

const broker = sharedBroker(test)

for (const [title, scenario] of Object.entries(scenarios)) {
  test(`in process: ${title}`, (t) => scenario(t, { connect: (options) => connect(broker(), options), dialer: broker().dialer }))
  test(`over TCP: ${title}`, (t) => scenario(t, { connect: (options) => connect(broker().bootstrap, options), dialer: tcpDialer() }))
}
