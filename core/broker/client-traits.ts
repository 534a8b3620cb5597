import type { RequestContext } from './handler.ts'
import type { ClientTraits } from './telemetry.ts'

/** What is known of the client that asks. */
export function clientTraits(instanceId: string, { clientId, remote, peer }: RequestContext): ClientTraits {
  const colon = remote.lastIndexOf(':')
  return {
    client_instance_id: instanceId,
    client_id: clientId ?? '',
    client_software_name: peer.softwareName,
    client_software_version: peer.softwareVersion,
    client_source_address: colon < 0 ? remote : remote.slice(0, colon),
    client_source_port: colon < 0 ? '' : remote.slice(colon + 1),
  }
}
