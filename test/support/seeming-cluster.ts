import { cp } from 'node:fs/promises'
import { join } from 'node:path'

import type { ExecutionContext } from 'ava'

import { systemClock } from '../../core/base/clock.ts'
import { nodeFiles } from '../../core/base/files.ts'
import type { Address } from '../../core/cluster/address.ts'
import { addressText } from '../../core/cluster/address.ts'
import { connect } from '../../core/index.ts'
import type { Broker } from '../../core/index.ts'
import { logConfig } from '../../core/log/config.ts'
import { logPools } from '../../core/log/file-pool.ts'
import { PartitionLog } from '../../core/log/partition-log.ts'
import { tcpDialer } from '../../core/net/dialer.ts'
import { errorCode } from '../../core/protocol/errors.ts'
import type { KafkaErrorName } from '../../core/protocol/errors.ts'
import { Fetch } from '../../core/protocol/messages/fetch.ts'
import { FindCoordinator } from '../../core/protocol/messages/find-coordinator.ts'
import { ListOffsets } from '../../core/protocol/messages/list-offsets.ts'
import { Metadata } from '../../core/protocol/messages/metadata.ts'
import { OffsetForLeaderEpoch } from '../../core/protocol/messages/offset-for-leader-epoch.ts'
import { Produce } from '../../core/protocol/messages/produce.ts'
import type { Env } from './client-kit.ts'
import { batchOf } from './logs.ts'
import { startBroker, tempDir } from './start-broker.ts'

/** What a leader of this epoch wrote: each value in a batch of its own. */
export interface Reign {
  epoch: number
  values: readonly string[]
}

export interface SeemingClusterOptions {
  topic: string
  /** At position i what lies in partition i of each node. */
  logs: readonly (readonly (readonly Reign[])[])[]
}

export interface SeemingCluster {
  env: Env
  /** At position i stands node i + 1. */
  brokers: readonly Broker[]
  /** Requests of clients about partitions, in order: `Fetch 2` went to node 2. */
  asked: string[]
  /** From now on this node leads the partition, under this epoch. */
  lead(partition: number, node: number, epoch: number): void
  /** Whether who does not lead says who does (KIP-951); else it only refuses. Default false. */
  tells: boolean
  /** Nodes that may be fetched from though they do not lead. */
  followers: Set<number>
}

const config = { 'group.initial.rebalance.delay.ms': 0, 'offsets.topic.num.partitions': 1 } as const

/**
 * Brokers of ours that say of themselves that they are one cluster, and lead partitions when a test says so. They begin as copies of one folder, so that
 * topics have one id; what their logs have beyond that is given. Node 1 coordinates, and leads everything at first, under epoch 0.
 */
export async function seemingCluster(t: ExecutionContext, { topic, logs }: SeemingClusterOptions): Promise<SeemingCluster> {
  const dirs = await foldersOf(t, topic, logs)
  const brokers = await Promise.all(dirs.map((dir) => startBroker(t, { dir, config })))
  const nodes = brokers.map(({ port }, i) => ({ nodeId: i + 1, host: '127.0.0.1', port: port!, rack: null }))
  const leaders = new Map(logs.map((_, partition) => [partition, { leaderId: 1, leaderEpoch: 0 }]))
  const bootstrap = nodes.map((node: Address) => addressText(node))
  const cluster: SeemingCluster = {
    env: { connect: (options) => connect(bootstrap, options), dialer: tcpDialer() },
    brokers,
    asked: [],
    lead: (partition, leaderId, leaderEpoch) => void leaders.set(partition, { leaderId, leaderEpoch }),
    tells: false,
    followers: new Set(),
  }
  for (const [i, broker] of brokers.entries()) {
    const node = i + 1
    broker.intercept(Metadata, async (call) => {
      const answer = await call.next()
      const topics = answer.topics.map((one) => ({
        ...one,
        partitions: one.name === topic ? one.partitions.map((p) => ({ ...p, ...leaders.get(p.partitionIndex)! })) : one.partitions,
      }))
      return { ...answer, brokers: nodes, clusterId: 'seeming', controllerId: 1, topics }
    })
    broker.intercept(FindCoordinator, async (call) => {
      const answer = await call.next()
      return { ...answer, coordinators: answer.coordinators.map((one) => ({ ...one, ...nodes[0]! })) }
    })
    const refusal = (asked: readonly Asked[]): KafkaErrorName | undefined => {
      for (const { partition, currentLeaderEpoch: epoch = -1 } of asked) {
        const { leaderId, leaderEpoch } = leaders.get(partition)!
        if (leaderId !== node) return 'NOT_LEADER_OR_FOLLOWER'
        if (epoch >= 0 && epoch !== leaderEpoch) return epoch < leaderEpoch ? 'FENCED_LEADER_EPOCH' : 'UNKNOWN_LEADER_EPOCH'
      }
      return undefined
    }
    const told = (partition: number) => (cluster.tells ? { currentLeader: leaders.get(partition)! } : {})
    const endpoints = () => (cluster.tells ? { nodeEndpoints: nodes } : {})
    broker.intercept(Fetch, (call) => {
      const { topics } = call.request
      const wanted = topics.flatMap(({ partitions }) => partitions)
      if (wanted.length === 0) return undefined
      cluster.asked.push(`Fetch ${node}`)
      const error = cluster.followers.has(node) ? undefined : refusal(wanted)
      for (const one of wanted) one.currentLeaderEpoch = UNCHECKED
      if (error === undefined) return undefined
      const nothing = { errorCode: errorCode(error), highWatermark: -1, abortedTransactions: null, records: null }
      const responses = topics.map((one) => ({
        ...one,
        partitions: one.partitions.map(({ partition }) => ({ partitionIndex: partition, ...nothing, ...told(partition) })),
      }))
      return { responses, ...endpoints() }
    })
    broker.intercept(Produce, (call) => {
      const { topicData } = call.request
      cluster.asked.push(`Produce ${node}`)
      const error = refusal(topicData.flatMap(({ partitionData }) => partitionData.map(({ index: partition }) => ({ partition }))))
      if (error === undefined) return undefined
      const responses = topicData.map(({ name, topicId, partitionData }) => ({
        name,
        topicId,
        partitionResponses: partitionData.map(({ index }) => ({ index, errorCode: errorCode(error), baseOffset: -1, ...told(index) })),
      }))
      return { responses, ...endpoints() }
    })
    broker.intercept(OffsetForLeaderEpoch, (call) => {
      const wanted = call.request.topics.flatMap(({ partitions }) => partitions)
      cluster.asked.push(`OffsetForLeaderEpoch ${node}`)
      const error = refusal(wanted)
      for (const one of wanted) one.currentLeaderEpoch = UNCHECKED
      return error && call.error(error)
    })
    broker.intercept(ListOffsets, (call) => {
      const wanted = call.request.topics.flatMap(({ partitions }) => partitions)
      cluster.asked.push(`ListOffsets ${node}`)
      const error = refusal(wanted.map((one) => ({ ...one, partition: one.partitionIndex })))
      for (const one of wanted) one.currentLeaderEpoch = UNCHECKED
      return error && call.error(error)
    })
  }
  return cluster
}

interface Asked {
  partition: number
  currentLeaderEpoch?: number
}

/** A broker counts no leaders of its own: whom a request is for was looked at before. */
const UNCHECKED = -1

/** A folder for each node, with the same topic and what each has of it. */
async function foldersOf(t: ExecutionContext, topic: string, logs: SeemingClusterOptions['logs']): Promise<string[]> {
  const dir = await tempDir(t)
  const first = await startBroker(t, { dir, config })
  const client = await connect(first)
  await client.admin.createTopics([{ name: topic, partitions: logs.length }])
  // Whoever is asked for the coordinator has the topic of the offsets, too.
  await client.consumer({ groupId: 'first' }).commit([{ topic, partition: 0, offset: 0 }])
  await client.close()
  await first.close()
  const dirs = [dir, ...(await Promise.all(logs[0]!.slice(1).map(() => tempDir(t))))]
  for (const copy of dirs.slice(1)) await cp(dir, copy, { recursive: true })
  for (const [partition, nodes] of logs.entries()) {
    for (const [i, reigns] of nodes.entries()) await append(join(dirs[i]!, `${topic}-${partition}`), topic, partition, reigns)
  }
  return dirs
}

async function append(directory: string, topic: string, partition: number, reigns: readonly Reign[]): Promise<void> {
  const log = new PartitionLog({ topic, partition, directory, pools: logPools(nodeFiles), config: logConfig({}), clock: systemClock })
  for (const { epoch: leaderEpoch, values } of reigns) {
    for (const value of values) log.append(batchOf([value], { timestamp: Date.now() }), { leaderEpoch })
  }
  await log.close()
}
