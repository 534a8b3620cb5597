import type { ExecutionContext } from 'ava'

import { connect } from '../../core/index.ts'
import type { Broker, Client, ClientOptions } from '../../core/index.ts'
import { ApiVersions } from '../../core/testing/index.ts'
import { clientFor, uniqueName } from './client-kit.ts'

export type TransactionVersion = 1 | 2

/** A client with a name of its own, so that faults hit no other, that takes the cluster for one whose transactions are of this version. */
export async function versionedClient(
  t: ExecutionContext,
  broker: Broker,
  version: TransactionVersion,
  options: ClientOptions = {},
): Promise<{ client: Client; clientId: string }> {
  const clientId = uniqueName(`v${version}`)
  if (version === 1) {
    const downgrade = broker.intercept(
      ApiVersions,
      async (call) => {
        const answer = await call.next()
        for (const feature of answer.finalizedFeatures) if (feature.name === 'transaction.version') feature.maxVersionLevel = 1
        return answer
      },
      { clientId },
    )
    t.teardown(() => downgrade.remove())
  }
  const env = { connect: (more?: ClientOptions) => connect(broker, more), dialer: broker.dialer }
  return { client: await clientFor(t, env, { clientId, ...options }), clientId }
}
