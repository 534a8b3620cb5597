import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir, userInfo } from 'node:os'
import { delimiter, join } from 'node:path'

import { runHadoop, startHadoop, type HadoopProcess, type HadoopSetup } from './hdfs-process.ts'
import { mavenJars } from './kafka-jars.ts'
import { freePort } from './start-kafka.ts'

export const HADOOP_VERSION = '3.5.0'
const HDFS_SERVER = 'org.apache.hadoop.hdfs.server'

export interface HdfsClusterOptions {
  /** Two share one log of changes in a folder, and one of them is active. Default 1. */
  readonly nameNodes?: 1 | 2
  /** Default 1. */
  readonly dataNodes?: number
  /** Beyond what makes it run here; of hdfs-site.xml or core-site.xml, both read it. */
  readonly settings?: Readonly<Record<string, string>>
}

interface Node {
  readonly setup: HadoopSetup
  /** `127.0.0.1:port` of its web server. */
  readonly http: string
  process: HadoopProcess | undefined
}

/** A real HDFS: NameNodes and DataNodes as processes of their own, in a temporary folder, on free ports. */
export class HdfsCluster {
  readonly folder: string
  readonly nameNodes: readonly Node[]
  readonly dataNodes: readonly Node[]

  private constructor(folder: string, nameNodes: readonly Node[], dataNodes: readonly Node[]) {
    this.folder = folder
    this.nameNodes = nameNodes
    this.dataNodes = dataNodes
  }

  /**
   * Takes about ten seconds.
   *
   * @throws Error when there is no java, or the jars cannot be had
   */
  static async start(options: HdfsClusterOptions = {}): Promise<HdfsCluster> {
    const { nameNodes = 1, dataNodes = 1, settings = {} } = options
    const libs = await mavenJars(`hdfs-${HADOOP_VERSION}`, [
      ['org.apache.hadoop', 'hadoop-common', HADOOP_VERSION],
      ['org.apache.hadoop', 'hadoop-hdfs', HADOOP_VERSION],
      ['org.apache.hadoop', 'hadoop-hdfs-client', HADOOP_VERSION],
    ])
    const folder = await mkdtemp(join(tmpdir(), 'moldau-hdfs-'))
    const ports = await freePorts(nameNodes)
    const shared = { ...common(folder, dataNodes), ...addresses(ports), ...(nameNodes === 2 ? highAvailability(folder) : {}), ...settings }
    const names = ports.map(({ http }, i) => prepare(folder, libs, `name-${i}`, { ...shared, ...ofNameNode(folder, i, nameNodes) }, http))
    const webPorts = await Promise.all(Array.from({ length: dataNodes }, async () => `127.0.0.1:${await freePort()}`))
    const data = webPorts.map((http, i) => prepare(folder, libs, `data-${i}`, { ...shared, ...ofDataNode(folder, i, http) }, http))
    const cluster = new HdfsCluster(folder, await Promise.all(names), await Promise.all(data))
    try {
      await cluster.#format()
      await Promise.all([...cluster.nameNodes.keys()].map((i) => cluster.startNameNode(i)))
      if (nameNodes === 2) await cluster.activate(0)
      await Promise.all([...cluster.dataNodes.keys()].map((i) => cluster.startDataNode(i)))
    } catch (error) {
      await cluster.stop()
      throw error
    }
    return cluster
  }

  /** `webhdfs://root@127.0.0.1:4711,127.0.0.1:4712/path`. */
  url(path: string): string {
    return `webhdfs://${userInfo().username}@${this.nameNodes.map(({ http }) => http).join(',')}/${path}`
  }

  async startNameNode(i: number): Promise<void> {
    const node = this.nameNodes[i]!
    node.process = await startHadoop(
      node.setup,
      `${HDFS_SERVER}.namenode.NameNode`,
      async () => (await this.jmx(node, 'NameNodeStatus')) !== undefined,
    )
  }

  async startDataNode(i: number): Promise<void> {
    const node = this.dataNodes[i]!
    // Every NameNode knows it. (Those take a dead one for alive for a while, so it is not they who are asked.)
    const isReady = async (): Promise<boolean> => {
      const actors = JSON.parse(((await this.jmx(node, 'DataNodeInfo'))?.['BPServiceActorInfo'] ?? '[]') as string) as Record<
        string,
        string
      >[]
      const known = actors.filter((actor) => actor['ActorState'] === 'RUNNING')
      return known.length === this.nameNodes.length && (await this.#isWritable())
    }
    node.process = await startHadoop(node.setup, `${HDFS_SERVER}.datanode.DataNode`, isReady)
  }

  async kill(node: Node): Promise<void> {
    await node.process?.kill()
    node.process = undefined
  }

  /** Makes a NameNode the active one; the other must be on standby. */
  async activate(i: number): Promise<void> {
    await this.admin('haadmin', '-transitionToActive', '--forceactive', `nn${i}`)
  }

  async standBy(i: number): Promise<void> {
    await this.admin('haadmin', '-transitionToStandby', `nn${i}`)
  }

  /** `hdfs dfsadmin …` or `hdfs haadmin …`. */
  async admin(tool: 'dfsadmin' | 'haadmin', ...args: string[]): Promise<string> {
    const main = tool === 'dfsadmin' ? 'org.apache.hadoop.hdfs.tools.DFSAdmin' : 'org.apache.hadoop.hdfs.tools.DFSHAAdmin'
    return await runHadoop(this.nameNodes[0]!.setup, main, ...args)
  }

  /** A bean of a node's metrics. */
  async jmx(node: Node, name: string): Promise<Record<string, unknown> | undefined> {
    const response = await fetch(`http://${node.http}/jmx?qry=Hadoop:service=*,name=${name}`)
    const { beans } = (await response.json()) as { beans: Record<string, unknown>[] }
    return beans[0]
  }

  /** Kills all and removes what they wrote. */
  async stop(): Promise<void> {
    await Promise.all([...this.nameNodes, ...this.dataNodes].map((node) => this.kill(node)))
    await rm(this.folder, { recursive: true, force: true })
  }

  async #isWritable(): Promise<boolean> {
    const states = await Promise.all(this.nameNodes.map((name) => this.jmx(name, 'NameNodeInfo').catch(() => undefined)))
    return states.some((state) => state?.['Safemode'] === '')
  }

  async #format(): Promise<void> {
    const main = `${HDFS_SERVER}.namenode.NameNode`
    const [first, second] = this.nameNodes
    await runHadoop(first!.setup, main, '-format', '-nonInteractive')
    if (second === undefined) return
    first!.process = undefined
    await this.startNameNode(0)
    await runHadoop(second.setup, main, '-bootstrapStandby', '-nonInteractive')
    await this.kill(first!)
  }
}

interface NamePorts {
  readonly rpc: string
  readonly http: string
}

async function freePorts(nameNodes: number): Promise<NamePorts[]> {
  const address = async (): Promise<string> => `127.0.0.1:${await freePort()}`
  return await Promise.all(Array.from({ length: nameNodes }, async () => ({ rpc: await address(), http: await address() })))
}

function common(folder: string, dataNodes: number): Record<string, string> {
  return {
    'hadoop.tmp.dir': join(folder, 'tmp'),
    'dfs.replication': String(Math.min(3, dataNodes)),
    'dfs.namenode.datanode.registration.ip-hostname-check': 'false',
    'dfs.namenode.safemode.extension': '0',
    'dfs.namenode.replication.min': '1',
    // A file is closed when its last block is reported; asked again after 10 ms and not 400.
    'dfs.client.block.write.locateFollowingBlock.initial.delay.ms': '10',
    'dfs.namenode.fs-limits.min-block-size': '1',
    'dfs.namenode.heartbeat.recheck-interval': '2000',
    'dfs.heartbeat.interval': '1',
  }
}

function addresses(ports: readonly NamePorts[]): Record<string, string> {
  if (ports.length === 1) return { 'fs.defaultFS': `hdfs://${ports[0]!.rpc}`, 'dfs.namenode.http-address': ports[0]!.http }
  return Object.fromEntries(
    ports.flatMap(({ rpc, http }, i) => [
      [`dfs.namenode.rpc-address.lake.nn${i}`, rpc],
      [`dfs.namenode.http-address.lake.nn${i}`, http],
    ]),
  )
}

function highAvailability(folder: string): Record<string, string> {
  return {
    'fs.defaultFS': 'hdfs://lake',
    'dfs.nameservices': 'lake',
    'dfs.ha.namenodes.lake': 'nn0,nn1',
    'dfs.client.failover.proxy.provider.lake': 'org.apache.hadoop.hdfs.server.namenode.ha.ConfiguredFailoverProxyProvider',
    'dfs.namenode.shared.edits.dir': `file://${join(folder, 'shared')}`,
    'dfs.ha.fencing.methods': 'shell(true)',
    'dfs.ha.tail-edits.period': '1s',
  }
}

function ofNameNode(folder: string, i: number, count: number): Record<string, string> {
  const own = { 'dfs.namenode.name.dir': `file://${join(folder, `name-${i}`, 'fs')}` }
  return count === 1 ? own : { ...own, 'dfs.ha.namenode.id': `nn${i}` }
}

function ofDataNode(folder: string, i: number, http: string): Record<string, string> {
  return {
    'dfs.datanode.data.dir': `file://${join(folder, `data-${i}`, 'blocks')}`,
    'dfs.datanode.address': '127.0.0.1:0',
    'dfs.datanode.http.address': http,
    'dfs.datanode.ipc.address': '127.0.0.1:0',
    'dfs.datanode.hostname': '127.0.0.1',
  }
}

/** Writes the settings of a node. The jars lack the folders of web pages, without which no web server starts. */
async function prepare(folder: string, libs: string, name: string, settings: Record<string, string>, http: string): Promise<Node> {
  const conf = join(folder, name, 'conf')
  for (const pages of ['hdfs', 'datanode', 'static']) await mkdir(join(conf, 'webapps', pages), { recursive: true })
  const properties = Object.entries(settings).map(([key, value]) => `<property><name>${key}</name><value>${value}</value></property>`)
  const xml = `<configuration>${properties.join('')}</configuration>`
  for (const file of ['core-site.xml', 'hdfs-site.xml']) await writeFile(join(conf, file), xml)
  // Counts are told anew every second, and not every ten.
  await writeFile(join(conf, 'hadoop-metrics2.properties'), '*.period=1\n')
  return { setup: { classPath: [conf, join(libs, '*')].join(delimiter) }, http, process: undefined }
}
