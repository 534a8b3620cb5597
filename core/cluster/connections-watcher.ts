import type { ChannelWatcher } from '../net/channel.ts'
import type { Api } from '../protocol/api.ts'
import type { Incidents } from './incidents.ts'
import { throttleOf } from './throttle.ts'

/** Told of what happens on the connections of one purpose: for metrics. Nodes are Kafka's numbers of brokers, negative for a bootstrap address. */
export interface ConnectionsWatcher {
  opened(node: number): void
  closed(node: number): void
  sent(node: number, api: Api, bytes: number): void
  answered(node: number, api: Api, latencyMs: number, bytes: number, body: unknown): void
}

/** The node of a connection to a bootstrap address: who answers there is not known yet. */
export const BOOTSTRAP_NODE = -1

/** What one connection tells: to those who count, and where the broker holds us back to the log. */
export function watched(node: number, remote: string, watcher: ConnectionsWatcher | undefined, incidents: Incidents): ChannelWatcher {
  return {
    sent: (api, bytes) => watcher?.sent(node, api, bytes),
    answered(api, latencyMs, bytes, body) {
      watcher?.answered(node, api, latencyMs, bytes, body)
      const throttleTimeMs = throttleOf(body)
      if (throttleTimeMs > 0) incidents.throttled(remote, api.name, throttleTimeMs)
    },
  }
}
