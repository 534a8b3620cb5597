import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import type { ExecutionContext } from 'ava'

import { randomUuid } from '../../core/base/uuid.ts'
import { prepareNode } from './kafka-node.ts'
import type { StartedKafka } from './kafka-process.ts'
import { missing } from './missing.ts'
import { freePort, KAFKA_VERSION, kafkaLibs } from './start-kafka.ts'

export interface KafkaClusterOptions {
  /** Default {@link KAFKA_VERSION}. */
  version?: string
  /** Lines for the server.properties of each broker. */
  config?: Readonly<Record<string, string>>
  /** Arguments of the virtual machines. Default: a heap of at most 256 MB each. */
  jvm?: readonly string[]
}

/** One of three brokers. Node 1 is the controller, too: kill the others where the cluster has to notice. */
export interface ClusterNode {
  readonly id: number
  /** `a`, `b`, `c`. */
  readonly rack: string
  /** `127.0.0.1:port`. */
  readonly address: string
  readonly pid: number
  /** Resolves when the process says that it has started. */
  start(): Promise<void>
  /** Kills it with -9. The others notice after {@link SESSION_MS}. */
  kill(): Promise<void>
  /** SIGTERM: its leaders move first. */
  terminate(): Promise<void>
  /** SIGSTOP: the others notice after {@link SESSION_MS}; its connections stay. */
  pause(): void
  resume(): void
}

export interface KafkaCluster {
  /** The addresses of all brokers. */
  readonly bootstrap: string
  /** At position i stands the node with the id i + 1. */
  readonly nodes: readonly ClusterNode[]
  /** Kills what runs and removes the folders. */
  stop(): Promise<void>
}

/** After this long without a word a broker is taken for dead: Kafka's `broker.session.timeout.ms`, 9 s by default. */
export const SESSION_MS = 3000

const RACKS = ['a', 'b', 'c'] as const

/** Topics have three replicas, a write needs two: one broker may be away. */
const DEFAULTS = {
  'controller.listener.names': 'CONTROLLER',
  'default.replication.factor': '3',
  'min.insync.replicas': '2',
  'offsets.topic.replication.factor': '3',
  'offsets.topic.num.partitions': '3',
  'transaction.state.log.replication.factor': '3',
  'transaction.state.log.min.isr': '2',
  'transaction.state.log.num.partitions': '3',
  'group.initial.rebalance.delay.ms': '0',
  'broker.session.timeout.ms': String(SESSION_MS),
  'broker.heartbeat.interval.ms': '500',
  'replica.lag.time.max.ms': '5000',
  // Partitions go back to their first replica when a test says so, not when a clock does.
  'auto.leader.rebalance.enable': 'false',
  'replica.selector.class': 'org.apache.kafka.common.replica.RackAwareReplicaSelector',
  'log.initial.task.delay.ms': String(60 * 60 * 1000),
}

/** A real Apache Kafka of three brokers for the time of a test. Undefined, with a line that says so, where java or mvn is missing; fails in CI. */
export async function startKafkaCluster(t: ExecutionContext, options: KafkaClusterOptions = {}): Promise<KafkaCluster | undefined> {
  try {
    const cluster = await launchKafkaCluster(options)
    t.teardown(() => cluster.stop())
    return cluster
  } catch (error) {
    missing(t, 'a cluster of Apache Kafka (java and mvn are needed)', error)
    return undefined
  }
}

/** Formats and starts three nodes, in racks a, b and c, on free ports. Takes about 15 s. */
export async function launchKafkaCluster(options: KafkaClusterOptions = {}): Promise<KafkaCluster> {
  const { version = KAFKA_VERSION, config = {}, jvm = ['-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'] } = options
  const libs = await kafkaLibs(version)
  const dir = await mkdtemp(join(tmpdir(), 'moldau-kafkas-'))
  const ports: number[] = []
  while (ports.length < 4) ports.push(await freePort())
  const controller = `127.0.0.1:${ports[3]}`
  const clusterId = randomUuid()
  const running = new Set<StartedKafka>()

  const plan = async (rack: string, i: number): Promise<ClusterNode> => {
    const address = `127.0.0.1:${ports[i]}`
    const leads = i === 0
    const settings = {
      ...DEFAULTS,
      ...config,
      'process.roles': leads ? 'broker,controller' : 'broker',
      'node.id': String(i + 1),
      'broker.rack': rack,
      'controller.quorum.voters': `1@${controller}`,
      listeners: `PLAINTEXT://${address}${leads ? `,CONTROLLER://${controller}` : ''}`,
      'advertised.listeners': `PLAINTEXT://${address}`,
    }
    const home = await mkdtemp(join(dir, `node-${i + 1}-`))
    return clusterNode(i + 1, rack, address, await prepareNode({ classes: join(libs, '*'), dir: home, settings, clusterId, jvm }), running)
  }

  const stop = async (): Promise<void> => {
    await Promise.all([...running].map((one) => one.kill()))
    await rm(dir, { recursive: true, force: true })
  }
  try {
    const nodes = await Promise.all(RACKS.map(plan))
    await Promise.all(nodes.map((node) => node.start()))
    return { bootstrap: nodes.map((node) => node.address).join(','), nodes, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

function clusterNode(id: number, rack: string, address: string, launch: () => StartedKafka, running: Set<StartedKafka>): ClusterNode {
  let current: StartedKafka | undefined
  const end = async (how: 'kill' | 'terminate'): Promise<void> => {
    await current?.[how]()
    if (current !== undefined) running.delete(current)
    current = undefined
  }
  return {
    id,
    rack,
    address,
    get pid() {
      return current?.pid ?? -1
    },
    async start() {
      current = launch()
      running.add(current)
      await current.ready
    },
    kill: () => end('kill'),
    terminate: () => end('terminate'),
    pause: () => current?.pause(),
    resume: () => current?.resume(),
  }
}
