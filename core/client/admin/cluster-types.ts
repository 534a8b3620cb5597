import type { Operation } from '../../security/acl.ts'
import type { AdminOptions } from './calls.ts'

export interface DescribeClusterOptions extends AdminOptions {
  /** Tells what we may do with the cluster; default false. */
  includeAuthorizedOperations?: boolean
  /** Tells of brokers that are registered but not serving, too (KIP-1073, brokers of 4.0 and newer); default false. */
  includeFencedBrokers?: boolean
}

export interface ClusterDescription {
  clusterId: string
  /** Node id; with KRaft some broker, which passes on what is for the controller. */
  controllerId: number
  brokers: { nodeId: number; host: string; port: number; rack: string | null; fenced: boolean }[]
  /** Only when it was asked for. */
  authorizedOperations?: Operation[]
}

/** From which level to which. */
export interface FeatureRange {
  min: number
  max: number
}

export interface FeatureDescription {
  /** What the broker that was asked can do. */
  supported: Readonly<Record<string, FeatureRange>>
  /** What the cluster has agreed on. */
  finalized: Readonly<Record<string, FeatureRange>>
  /** Grows with each change; -1 when nothing is finalised. */
  finalizedEpoch: number
}

/** Kafka's FeatureUpdate.UpgradeType. */
export const upgradeTypes = { upgrade: 1, safeDowngrade: 2, unsafeDowngrade: 3 } as const

export interface FeatureUpdate {
  feature: string
  /** 0 takes the feature away. */
  maxVersionLevel: number
  /** Default `upgrade`; an unsafe downgrade may lose metadata. */
  upgradeType?: keyof typeof upgradeTypes
}

export interface UpdateFeaturesOptions extends AdminOptions {
  /** Checks whether it could be done, and changes nothing; default false. */
  validateOnly?: boolean
}

export interface QuorumReplica {
  replicaId: number
  /** The zero UUID where the broker does not tell (before 3.9). */
  directoryId: string
  logEndOffset: number
  /** -1 when it is not known. */
  lastFetchTimestamp: number
  lastCaughtUpTimestamp: number
}

export interface QuorumDescription {
  leaderId: number
  leaderEpoch: number
  highWatermark: number
  voters: QuorumReplica[]
  observers: QuorumReplica[]
  /** Where the voters listen; empty where the broker does not tell (before 3.9). */
  nodes: { nodeId: number; listeners: { name: string; host: string; port: number }[] }[]
}
