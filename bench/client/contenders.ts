import { join } from 'node:path'
import { builtPackage } from '../broker/package.ts'
import { runChild } from './child.ts'
import { type PeerName, installedPeer, plainEnvironment, withPrograms } from './install.ts'
import { javaTools } from './java.ts'
import peers from './peers.json' with { type: 'json' }
import type { Result, Task } from './task.ts'

export interface Measured extends Result {
  readonly megabytesMax: number
}

/** A client that can be measured. */
export interface Contender {
  readonly name: string
  /** Records of a round, for each job: as many as it does in a few seconds. */
  readonly records: Readonly<Record<Task['job'], number>>
  /** Jobs that it can do. */
  readonly jobs: readonly Task['job'][]
  /** What the target of a third is against. */
  readonly fromNpm: boolean
  /** Whether its sum over what it has read can be compared. */
  readonly looksAtRecords: boolean
  /** Before its first round, on a topic that nobody looks at. */
  prepare(task: Task): Promise<void>
  run(task: Task): Promise<Measured>
}

const TIMEOUT_MS = 180_000
const all = ['produce', 'consume', 'latency'] as const
const fast = { produce: 4_000_000, consume: 4_000_000, latency: 4000 }
const slow = { produce: 1_000_000, consume: 1_000_000, latency: 4000 }
const slowest = { produce: 500_000, consume: 1_000_000, latency: 2000 }

/** Clients that bring C++. */
const compiled: ReadonlySet<PeerName> = new Set(['@confluentinc/kafka-javascript', 'node-rdkafka'])

const prepare = async (): Promise<void> => {}

/** Ours, from the package as npm installs it. @param from the folder of another version, see `--against` */
export async function ourClient(from?: string): Promise<Contender> {
  const programs = await withPrograms(await builtPackage(from))
  const name = from === undefined ? 'moldau' : `moldau of ${from}`
  const run = running(join(programs, 'moldau.mjs'), process.execPath, process.env)
  return { name, records: fast, jobs: all, fromNpm: false, looksAtRecords: true, prepare, run }
}

/** The others by name: how each is had. They throw where it cannot be. */
export const otherClients: Readonly<Record<string, () => Promise<Contender>>> = {
  '@platformatic/kafka': () => fromNpm('@platformatic/kafka', 'platformatic.mjs', slow),
  kafkajs: () => fromNpm('kafkajs', 'kafkajs.mjs', slowest),
  '@confluentinc/kafka-javascript': () => fromNpm('@confluentinc/kafka-javascript', 'confluent.mjs', slow),
  'node-rdkafka': () => fromNpm('node-rdkafka', 'rdkafka.mjs', slow),
  java: async () => {
    const records = { ...fast, latency: 0 }
    return { name: 'Java', records, jobs: ['produce', 'consume'], fromNpm: false, looksAtRecords: false, ...(await javaTools(TIMEOUT_MS)) }
  },
}

async function fromNpm(name: PeerName, program: string, records: Contender['records']): Promise<Contender> {
  const programs = await withPrograms(await installedPeer(name))
  // What was compiled at install was so for the Node that the system has.
  const run = compiled.has(name)
    ? running(join(programs, program), 'node', plainEnvironment)
    : running(join(programs, program), process.execPath, process.env)
  return { name: `${name} ${peers[name]}`, records, jobs: all, fromNpm: true, looksAtRecords: true, prepare, run }
}

function running(program: string, node: string, env: NodeJS.ProcessEnv): Contender['run'] {
  const extra = process.env['MOLDAU_BENCH_CLIENT_NODE_ARGS']?.split(' ') ?? []
  return async (task) => {
    const args = [...extra, program, JSON.stringify(task)]
    const { stdout, megabytesMax } = await runChild(node, args, { env, timeoutMs: TIMEOUT_MS })
    const said = stdout.trim().split('\n').at(-1)!
    return { ...(JSON.parse(said) as Result), megabytesMax }
  }
}
