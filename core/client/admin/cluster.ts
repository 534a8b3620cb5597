import { SOFTWARE } from '../../cluster/connection.ts'
import { throwOnError } from '../../protocol/errors.ts'
import { ApiVersions } from '../../protocol/messages/api-versions.ts'
import { DescribeCluster } from '../../protocol/messages/describe-cluster.ts'
import { DescribeQuorum } from '../../protocol/messages/describe-quorum.ts'
import type { DescribeQuorumResponse } from '../../protocol/messages/describe-quorum.ts'
import { Metadata } from '../../protocol/messages/metadata.ts'
import { UnregisterBroker } from '../../protocol/messages/unregister-broker.ts'
import { UpdateFeatures } from '../../protocol/messages/update-features.ts'
import { check } from '../checks.ts'
import type { AdminOptions } from './calls.ts'
import { upgradeTypes } from './cluster-types.ts'
import type {
  ClusterDescription,
  DescribeClusterOptions,
  FeatureDescription,
  FeatureUpdate,
  QuorumDescription,
  QuorumReplica,
  UpdateFeaturesOptions,
} from './cluster-types.ts'
import { authorizedOperations } from './codes.ts'
import { LogDirAdmin } from './log-dirs.ts'
import * as specs from './specs.ts'

const METADATA_TOPIC = '__cluster_metadata'

/** The cluster as a whole. */
export class ClusterAdmin extends LogDirAdmin {
  /** The brokers, and what we may do (Kafka's `Admin.describeCluster`, KIP-700). */
  describeCluster(options: DescribeClusterOptions = {}): Promise<ClusterDescription> {
    const { includeAuthorizedOperations = false, includeFencedBrokers = false, timeoutMs } = options
    const what = 'describe the cluster'
    return this.calls.any(what, { timeoutMs }, async (connection) => {
      if (!connection.supports(DescribeCluster)) {
        const asked = { topics: [], allowAutoTopicCreation: false }
        const authorized = includeAuthorizedOperations && { includeClusterAuthorizedOperations: true }
        const { clusterId, controllerId, brokers, clusterAuthorizedOperations } = await connection.request(Metadata, {
          ...asked,
          ...authorized,
        })
        const all = brokers.map((broker) => ({ ...broker, fenced: false }))
        return { clusterId: clusterId ?? '', controllerId, brokers: all, ...authorizedOperations(clusterAuthorizedOperations) }
      }
      const answer = await connection.request(DescribeCluster, {
        includeClusterAuthorizedOperations: includeAuthorizedOperations,
        // A version that knows nothing of them does not take the question.
        ...(includeFencedBrokers && { includeFencedBrokers }),
      })
      throwOnError(answer.errorCode, what, answer.errorMessage)
      const { clusterId, controllerId, clusterAuthorizedOperations } = answer
      const brokers = answer.brokers.map(({ brokerId: nodeId, host, port, rack, isFenced: fenced }) => ({
        nodeId,
        host,
        port,
        rack,
        fenced,
      }))
      return { clusterId, controllerId, brokers, ...authorizedOperations(clusterAuthorizedOperations) }
    })
  }

  /** What brokers can do and the cluster has agreed on, `metadata.version` and the like (Kafka's `Admin.describeFeatures`, KIP-584). */
  describeFeatures(options: AdminOptions = {}): Promise<FeatureDescription> {
    const what = 'describe features'
    return this.calls.any(what, options, async (connection) => {
      const answer = await connection.request(ApiVersions, SOFTWARE)
      throwOnError(answer.errorCode, what)
      const supported = answer.supportedFeatures.map(({ name, minVersion: min, maxVersion: max }) => [name, { min, max }] as const)
      const finalized = answer.finalizedFeatures.map(
        ({ name, minVersionLevel: min, maxVersionLevel: max }) => [name, { min, max }] as const,
      )
      const finalizedEpoch = answer.finalizedFeaturesEpoch
      return { supported: Object.fromEntries(supported), finalized: Object.fromEntries(finalized), finalizedEpoch }
    })
  }

  /**
   * Brings features of the cluster to other levels (Kafka's `Admin.updateFeatures`, KIP-584, KIP-778): all, or none.
   *
   * @throws AdminError by feature: INVALID_UPDATE_VERSION, FEATURE_UPDATE_FAILED, INVALID_REQUEST
   */
  async updateFeatures(updates: readonly FeatureUpdate[], options: UpdateFeaturesOptions = {}): Promise<void> {
    await this.calls.onController<FeatureUpdate, void>({
      what: 'update feature',
      items: updates,
      each: specs.featureUpdate,
      nameOf: ({ feature }) => feature,
      timeoutMs: options.timeoutMs,
      ask: async (connection, asked, timeoutMs) => {
        const downgrades = connection.version(UpdateFeatures) === 0
        const featureUpdates = asked.map(({ feature, maxVersionLevel, upgradeType = 'upgrade' }) => {
          const how = downgrades ? { allowDowngrade: upgradeType !== 'upgrade' } : { upgradeType: upgradeTypes[upgradeType] }
          return { feature, maxVersionLevel, ...how }
        })
        const validateOnly = options.validateOnly === true && { validateOnly: true }
        const { errorCode, errorMessage, results } = await connection.request(UpdateFeatures, {
          timeoutMs,
          featureUpdates,
          ...validateOnly,
        })
        // Since version 2 there is one answer for all.
        const byFeature = new Map(results.map((result) => [result.feature, result]))
        return asked.map(({ feature }) => {
          const own = errorCode === 0 ? byFeature.get(feature) : undefined
          return { name: feature, errorCode: own?.errorCode ?? errorCode, errorMessage: own?.errorMessage ?? errorMessage }
        })
      },
    })
  }

  /** Who votes in, leads and follows the log of the cluster's metadata (Kafka's `Admin.describeMetadataQuorum`, KIP-836, KIP-853). */
  describeMetadataQuorum(options: AdminOptions = {}): Promise<QuorumDescription> {
    const what = 'describe the quorum'
    return this.calls.any(what, options, async (connection) => {
      const topics = [{ topicName: METADATA_TOPIC, partitions: [{ partitionIndex: 0 }] }]
      const answer = await connection.request(DescribeQuorum, { topics })
      throwOnError(answer.errorCode, what, answer.errorMessage)
      const partition = answer.topics[0]?.partitions[0]
      if (partition === undefined) throwOnError(-1, what, 'the broker said nothing about it')
      const { errorCode, errorMessage, leaderId, leaderEpoch, highWatermark, currentVoters, observers } = partition!
      throwOnError(errorCode, what, errorMessage)
      const voters = currentVoters.map(quorumReplica)
      return { leaderId, leaderEpoch, highWatermark, voters, observers: observers.map(quorumReplica), nodes: answer.nodes }
    })
  }

  /**
   * Forgets a broker that was shut down for good (Kafka's `Admin.unregisterBroker`, KIP-631).
   *
   * @throws KafkaError BROKER_ID_NOT_REGISTERED
   */
  async unregisterBroker(brokerId: number, options: AdminOptions = {}): Promise<void> {
    check('admin.unregisterBroker()', 'brokerId', brokerId, specs.nodeId)
    const what = `unregister broker ${brokerId}`
    await this.calls.any(what, options, async (connection) => {
      const { errorCode, errorMessage } = await connection.request(UnregisterBroker, { brokerId })
      throwOnError(errorCode, what, errorMessage)
    })
  }
}

type FoundReplica = DescribeQuorumResponse['topics'][number]['partitions'][number]['observers'][number]

function quorumReplica({ replicaDirectoryId, ...replica }: FoundReplica): QuorumReplica {
  return { ...replica, directoryId: replicaDirectoryId }
}
