import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { kafkaLibs } from '../../test/support/start-kafka.ts'
import { type Artifact, mavenJars } from '../../test/support/kafka-jars.ts'
import { javaLogging, javaProgram } from '../../test/support/java-app.ts'
import { atExit } from '../broker/cleanup.ts'
import { builtPackage } from '../broker/package.ts'
import { withPrograms } from '../client/install.ts'
import { type JobTask, WINDOW_MS } from './task.ts'

/** Something that runs the jobs of task.ts. */
export interface Engine {
  readonly name: string
  start(task: JobTask): Promise<RunningEngine>
}

export interface RunningEngine {
  readonly pid: number
  /** What it has said last. */
  readonly said: () => string
  /** It has ended by itself. */
  readonly failed: Promise<never>
  end(): Promise<void>
}

const here = join(import.meta.dirname, 'programs')

/** Ours, from the package as npm installs it. */
export async function moldau(): Promise<Engine> {
  const programs = await withPrograms(await builtPackage(), import.meta.dirname)
  const extra = process.env['MOLDAU_BENCH_JOB_NODE_ARGS']?.split(' ') ?? []
  return {
    name: 'moldau',
    start: async (task) => started(process.execPath, [...extra, join(programs, 'moldau.mjs'), JSON.stringify(task)], async () => {}),
  }
}

/** Kafka Streams with exactly_once_v2, one thread as it has by default, and the virtual machine as Java starts it. */
export async function kafkaStreams(store: 'memory' | 'rocksdb'): Promise<Engine> {
  const libs = await kafkaLibs()
  const classPath = await javaProgram(join(here, 'StreamsBench.java'), libs)
  return {
    name: `Kafka Streams, ${store}`,
    start: async ({ job, bootstrap, application, input, output, latency }) => {
      const dir = await mkdtemp(join(tmpdir(), 'moldau-bench-'))
      const args = [job, store, bootstrap, application, input, output, String(WINDOW_MS), dir, latency === 'low' ? '10' : '100']
      return started('java', ['-Xmx1g', await javaLogging(dir), '-cp', classPath, 'StreamsBench', ...args], () =>
        rm(dir, { recursive: true, force: true }),
      )
    },
  }
}

/** What Flink needs to run a job by itself, and not one jar more. */
const FLINK: readonly Artifact[] = [
  ['org.apache.flink', 'flink-clients', '2.2.0'],
  ['org.apache.flink', 'flink-connector-base', '2.2.0'],
  ['org.apache.flink', 'flink-connector-kafka', '4.0.1-2.0'],
]

/** Flink in one process: its MiniCluster, parallelism 1, state on the heap. It runs the windowed job only. */
export async function flink(): Promise<Engine> {
  const classPath = await javaProgram(join(here, 'FlinkBench.java'), await mavenJars('flink-2.2.0-kafka-4.0.1', FLINK))
  return {
    name: 'Flink',
    start: async ({ bootstrap, application, input, output }) => {
      const args = [bootstrap, application, input, output, String(WINDOW_MS)]
      return started('java', [...FLINK_JVM, '-Xmx2g', '-cp', classPath, 'FlinkBench', ...args], async () => {})
    },
  }
}

/** As Flink's own scripts start it, for what it does with classes of Java by reflection. */
const FLINK_JVM = ['java.base/java.lang', 'java.base/java.util', 'java.base/java.time', 'java.base/java.net'].flatMap((name) => [
  '--add-opens',
  `${name}=ALL-UNNAMED`,
])

const SAID_CHARS_MAX = 20_000

function started(command: string, args: readonly string[], tidy: () => Promise<void>): RunningEngine {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const forget = atExit(() => child.kill('SIGKILL'))
  let said = ''
  let ending = false
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-SAID_CHARS_MAX)))
  }
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const failed = new Promise<never>((_, reject) => {
    child.once('error', reject)
    void ended.then(() => ending || reject(new Error(`${command} has ended: ${said}`)))
  })
  failed.catch(() => undefined)
  return {
    pid: child.pid!,
    said: () => said,
    failed,
    async end() {
      ending = true
      child.kill('SIGKILL')
      await ended
      forget()
      await tidy()
    },
  }
}
