import type { ExecutionContext } from 'ava'

import { Cluster } from '../../core/cluster/cluster.ts'
import type { ClusterOptions } from '../../core/cluster/cluster-options.ts'
import { tcpDialer } from '../../core/net/dialer.ts'

/** A cluster as a client knows it, that goes when the test does. */
export async function clusterOf(
  t: ExecutionContext,
  options: Partial<ClusterOptions> & { bootstrap: ClusterOptions['bootstrap'] },
): Promise<Cluster> {
  const cluster = await Cluster.connect({ dialer: tcpDialer(), bootstrapTimeoutMs: 30_000, retryBackoffMs: 10, ...options })
  t.teardown(() => cluster.close())
  return cluster
}
