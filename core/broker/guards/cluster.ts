import { kafkaError } from '../../protocol/errors.ts'
import { AlterClientQuotas } from '../../protocol/messages/alter-client-quotas.ts'
import { AlterReplicaLogDirs } from '../../protocol/messages/alter-replica-log-dirs.ts'
import { AlterUserScramCredentials } from '../../protocol/messages/alter-user-scram-credentials.ts'
import { CreateAcls } from '../../protocol/messages/create-acls.ts'
import { DeleteAcls } from '../../protocol/messages/delete-acls.ts'
import { DescribeCluster } from '../../protocol/messages/describe-cluster.ts'
import { DescribeUserScramCredentials } from '../../protocol/messages/describe-user-scram-credentials.ts'
import { ElectLeaders } from '../../protocol/messages/elect-leaders.ts'
import { CLUSTER_NAME } from '../../security/acl.ts'
import type { Operation } from '../../security/acl.ts'
import { CLUSTER_REFUSED, guard, guardNamed, then } from './guard.ts'
import type { NamedGuard } from './guard.ts'

/** Calls that anybody may make. */
const open = ['ApiVersions', 'SaslHandshake', 'SaslAuthenticate', 'GetTelemetrySubscriptions', 'PushTelemetry']

/** Calls that need one operation on the cluster, and have a place for an error of the whole call. */
const needing: Readonly<Record<string, Operation>> = {
  AlterPartitionReassignments: 'alter',
  DescribeAcls: 'describe',
  DescribeClientQuotas: 'describeConfigs',
  DescribeLogDirs: 'describe',
  DescribeQuorum: 'describe',
  ListConfigResources: 'describeConfigs',
  ListPartitionReassignments: 'describe',
  UnregisterBroker: 'alter',
  UpdateFeatures: 'alter',
}

const REFUSED = { errorCode: CLUSTER_REFUSED, errorMessage: 'Cluster authorization failed.' }

const describeCluster = guard(DescribeCluster, (request, { session }, next) =>
  then(next(request), (answer) =>
    request.includeClusterAuthorizedOperations
      ? { ...answer, clusterAuthorizedOperations: session.allowsCluster('describe') ? session.operationBits('cluster', CLUSTER_NAME) : 0 }
      : answer,
  ),
)

const createAcls = guard(CreateAcls, (request, { session }, next) =>
  session.allowsCluster('alter') ? next(request) : { throttleTimeMs: 0, results: request.creations.map(() => REFUSED) },
)

const deleteAcls = guard(DeleteAcls, (request, { session }, next) =>
  session.allowsCluster('alter')
    ? next(request)
    : { throttleTimeMs: 0, filterResults: request.filters.map(() => ({ ...REFUSED, matchingAcls: [] })) },
)

const alterUserScramCredentials = guard(AlterUserScramCredentials, (request, { session }, next) => {
  if (session.allowsCluster('alter')) return next(request)
  const users = new Set([...request.deletions, ...request.upsertions].map(({ name }) => name))
  return { throttleTimeMs: 0, results: Array.from(users, (user) => ({ user, ...REFUSED })) }
})

const describeUserScramCredentials = guard(DescribeUserScramCredentials, (request, { session }, next) => {
  if (session.allowsCluster('describe')) return next(request)
  const results = (request.users ?? []).map(({ name }) => ({ user: name, ...REFUSED, credentialInfos: [] }))
  return { throttleTimeMs: 0, ...REFUSED, results }
})

const electLeaders = guard(ElectLeaders, (request, { session, version }, next) => {
  if (session.allowsCluster('alter')) return next(request)
  const replicaElectionResults = (request.topicPartitions ?? []).map(({ topic, partitions }) => ({
    topic,
    partitionResult: partitions.map((partitionId) => ({ partitionId, ...REFUSED })),
  }))
  return { throttleTimeMs: 0, ...(version >= 1 && { errorCode: CLUSTER_REFUSED }), replicaElectionResults }
})

const alterClientQuotas = guard(AlterClientQuotas, (request, { session }, next) =>
  session.allowsCluster('alterConfigs')
    ? next(request)
    : { throttleTimeMs: 0, entries: request.entries.map(({ entity }) => ({ ...REFUSED, entity })) },
)

const alterReplicaLogDirs = guard(AlterReplicaLogDirs, (request, { session }, next) => {
  if (session.allowsCluster('alter')) return next(request)
  const results = request.dirs.flatMap(({ topics }) =>
    topics.map(({ name, partitions }) => ({
      topicName: name,
      partitions: partitions.map((partitionIndex) => ({ partitionIndex, errorCode: CLUSTER_REFUSED })),
    })),
  )
  return { throttleTimeMs: 0, results }
})

/** Calls about the cluster as a whole. */
export const clusterGuards: readonly NamedGuard[] = [
  ...open.map((name) => guardNamed(name, (request, _context, next) => next(request))),
  ...Object.entries(needing).map(([name, operation]) =>
    guardNamed(name, (request, { session }, next) => {
      if (!session.allowsCluster(operation)) throw kafkaError('CLUSTER_AUTHORIZATION_FAILED')
      return next(request)
    }),
  ),
  describeCluster,
  createAcls,
  deleteAcls,
  describeUserScramCredentials,
  alterUserScramCredentials,
  alterClientQuotas,
  electLeaders,
  alterReplicaLogDirs,
]
