import { errorCode } from '../../protocol/errors.ts'
import { DescribeCluster } from '../../protocol/messages/describe-cluster.ts'
import { handler } from '../handler.ts'
import { clusterOperations } from '../operations.ts'

const BROKERS = 1

/** DescribeCluster 0 to 2 (KIP-700): the brokers. v1 may ask for controllers instead (KIP-919), which are not reachable here. */
export const describeCluster = handler({
  api: DescribeCluster,
  minVersion: 0,
  maxVersion: 2,
  handle(request, { broker, session }) {
    const wantsBrokers = request.endpointType === BROKERS
    return {
      throttleTimeMs: 0,
      errorCode: errorCode(wantsBrokers ? 'NONE' : 'MISMATCHED_ENDPOINT_TYPE'),
      errorMessage: wantsBrokers ? null : 'this is a broker: ask for brokers',
      endpointType: request.endpointType,
      clusterId: broker.clusterId,
      controllerId: broker.nodeId,
      brokers: [{ brokerId: broker.nodeId, ...session.listener.endpoint, rack: broker.config.get('broker.rack') || null }],
      ...(request.includeClusterAuthorizedOperations ? { clusterAuthorizedOperations: clusterOperations } : {}),
    }
  },
})
