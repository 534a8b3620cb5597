import type { RequestContext } from './handler.ts'
import { remoteParts } from './remote.ts'
import type { ClientTraits } from './telemetry.ts'

/** What is known of the client that asks. */
export function clientTraits(instanceId: string, { clientId, remote, connection: { peer } }: RequestContext): ClientTraits {
  const { address, port } = remoteParts(remote)
  return {
    client_instance_id: instanceId,
    client_id: clientId ?? '',
    client_software_name: peer.softwareName,
    client_software_version: peer.softwareVersion,
    client_source_address: address,
    client_source_port: port,
  }
}
