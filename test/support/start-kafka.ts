import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

import type { ExecutionContext } from 'ava'

import { randomUuid } from '../../core/base/uuid.ts'
import { prepareNode } from './kafka-node.ts'
import type { StartedKafka } from './kafka-process.ts'
import { missing } from './missing.ts'

const run = promisify(execFile)

export const KAFKA_VERSION = '4.3.1'

/** Kept between runs: jars do not change. */
const cache = join(tmpdir(), 'moldau-compat')

export interface KafkaServer {
  readonly bootstrap: string
  readonly pid: number
  /** Ends the process as an operator would. */
  stop(): Promise<void>
}

export interface KafkaOptions {
  /** Default {@link KAFKA_VERSION}; at least 3.5. */
  version?: string
  /** The feature transaction.version: 2 (default) or 0, the protocol of Kafka before 4.0. */
  transactionVersion?: 0 | 2
  /** Lines for server.properties. */
  config?: Readonly<Record<string, string>>
  /** Arguments of the virtual machine. Default: a heap of at most 512 MB. */
  jvm?: readonly string[]
  /** Classes of the virtual machine. Default: those of Kafka. */
  classes?: string
}

/** Records of tests are of any time: Kafka begins to look for those past their retention half a minute after its start. */
const KEEPS_OLD_RECORDS = { 'log.initial.task.delay.ms': String(60 * 60 * 1000) }

/**
 * A real Apache Kafka for the time of a test; stopped when it ends. Without java and mvn the test is left out with a line that says so,
 * unless CI is set: there it fails.
 */
export async function startKafka(t: ExecutionContext, options: KafkaOptions = {}): Promise<KafkaServer | undefined> {
  try {
    const server = await launchKafka({ ...options, config: { ...KEEPS_OLD_RECORDS, ...options.config } })
    t.teardown(() => server.stop())
    return server
  } catch (error) {
    missing(t, 'Apache Kafka (java and mvn are needed)', error)
    return undefined
  }
}

/** Starts a combined KRaft node on free ports, in a temporary folder of its own. Takes about 8 s, and a download at the first time. */
export async function launchKafka(options: KafkaOptions = {}): Promise<KafkaServer> {
  const node = await formatKafka(options)
  const started = node.start()
  const stop = async (): Promise<void> => {
    // A node that is alone waits for a controller to say goodbye to; there is nothing on disk worth that.
    await started.kill()
    await node.remove()
  }
  try {
    await started.ready
  } catch (error) {
    await stop()
    throw error
  }
  return { bootstrap: node.bootstrap, pid: started.pid, stop }
}

/** A node with a formatted folder, to be started, killed and started again. */
export interface KafkaNode {
  readonly bootstrap: string
  readonly dir: string
  start(): StartedKafka
  remove(): Promise<void>
}

/** Settles ports and settings and formats a temporary folder. */
export async function formatKafka(options: KafkaOptions = {}): Promise<KafkaNode> {
  const { version = KAFKA_VERSION, jvm } = options
  const classes = options.classes ?? join(await kafkaLibs(version), '*')
  const dir = await mkdtemp(join(tmpdir(), 'moldau-kafka-'))
  const port = await freePort()
  const controller = `127.0.0.1:${await freePort()}`
  const bootstrap = `127.0.0.1:${port}`
  // A quorum that its nodes may join and leave came with 3.9.
  const fixed = isOlder(version, 3, 9)
  const settings = {
    'process.roles': 'broker,controller',
    'node.id': '1',
    ...(fixed ? { 'controller.quorum.voters': `1@${controller}` } : { 'controller.quorum.bootstrap.servers': controller }),
    listeners: `PLAINTEXT://${bootstrap},CONTROLLER://${controller}`,
    'advertised.listeners': `PLAINTEXT://${bootstrap}${fixed ? '' : `,CONTROLLER://${controller}`}`,
    'controller.listener.names': 'CONTROLLER',
    'offsets.topic.replication.factor': '1',
    'offsets.topic.num.partitions': '4',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'transaction.state.log.num.partitions': '4',
    'group.initial.rebalance.delay.ms': '0',
    ...options.config,
  }
  const feature = options.transactionVersion === 0 ? ['--feature', 'transaction.version=0'] : []
  const formatArgs = [...(fixed ? [] : ['--standalone']), ...feature]
  const start = await prepareNode({ classes, dir, settings, clusterId: randomUuid(), formatArgs, jvm })
  return { bootstrap, dir, start, remove: () => rm(dir, { recursive: true, force: true }) }
}

/** The folder with the broker, its tools and applications, and what they need; fetched from Maven Central at the first use. */
export async function kafkaLibs(version = KAFKA_VERSION): Promise<string> {
  const pom = pomOf(version === KAFKA_VERSION ? ARTIFACTS : oldArtifacts(version))
  // Another list of artifacts is another folder: who works with the old one is not disturbed.
  const place = join(cache, `kafka-${version}-${createHash('sha256').update(pom).digest('hex').slice(0, 8)}`)
  const libs = join(place, 'libs')
  if (existsSync(join(libs, 'complete'))) return libs
  await mkdir(cache, { recursive: true })
  // Into a folder of our own first, so that a second process never sees half of it.
  const fresh = await mkdtemp(join(cache, 'fetch-'))
  try {
    await writeFile(join(fresh, 'pom.xml'), pom)
    await run(
      'mvn',
      ['-q', '-B', '-f', join(fresh, 'pom.xml'), 'dependency:copy-dependencies', '-DincludeScope=runtime', '-DoutputDirectory=libs'],
      {
        timeout: 600_000,
      },
    )
    await writeFile(join(fresh, 'libs', 'complete'), '')
    await rm(place, { recursive: true, force: true })
    await rename(fresh, place)
  } finally {
    await rm(fresh, { recursive: true, force: true })
  }
  return libs
}

const ARTIFACTS = [
  ['org.apache.kafka', 'kafka_2.13', KAFKA_VERSION],
  ['org.apache.kafka', 'kafka-tools', KAFKA_VERSION],
  ['org.apache.kafka', 'kafka-streams', KAFKA_VERSION],
  ['org.apache.kafka', 'connect-file', KAFKA_VERSION],
  ['org.apache.kafka', 'connect-mirror', KAFKA_VERSION],
  ['org.apache.logging.log4j', 'log4j-slf4j-impl', '2.25.4'],
  ['org.apache.logging.log4j', 'log4j-1.2-api', '2.25.4'],
] as const

function pomOf(artifacts: readonly (readonly [group: string, artifact: string, version: string])[]): string {
  const dependencies = artifacts.map(([group, artifact, version]) => {
    return `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`
  })
  return `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>moldau</groupId><artifactId>compat-kafka</artifactId><version>1</version>
<dependencies>${dependencies.join('\n')}</dependencies></project>`
}

/** Enough to run a broker of before 4.0. */
function oldArtifacts(version: string): readonly (readonly [group: string, artifact: string, version: string])[] {
  return [
    ['org.apache.kafka', 'kafka_2.13', version],
    ['org.slf4j', 'slf4j-reload4j', '1.7.36'],
  ]
}

function isOlder(version: string, major: number, minor: number): boolean {
  const [ours = 0, theirs = 0] = version.split('.').map(Number)
  return ours < major || (ours === major && theirs < minor)
}

/** A port that was free a moment ago: Kafka has to know its own before it starts. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}
