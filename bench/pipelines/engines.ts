import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { kafkaLibs } from '../../test/support/start-kafka.ts'
import { javaProgram } from '../../test/support/java-app.ts'
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
  /** What it has said when it has ended by itself, which is a failure. */
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
    start: async ({ job, bootstrap, application, input, output }) => {
      const dir = await mkdtemp(join(tmpdir(), 'moldau-bench-'))
      const args = [job, store, bootstrap, application, input, output, String(WINDOW_MS), dir]
      return started('java', ['-Xmx1g', '-cp', classPath, 'StreamsBench', ...args], () => rm(dir, { recursive: true, force: true }))
    },
  }
}

const SAID_CHARS_MAX = 20_000

function started(command: string, args: readonly string[], tidy: () => Promise<void>): RunningEngine {
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  const forget = atExit(() => child.kill('SIGKILL'))
  let said = ''
  let ending = false
  child.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-SAID_CHARS_MAX)))
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const failed = new Promise<never>((_, reject) => {
    child.once('error', reject)
    void ended.then(() => ending || reject(new Error(`${command} has ended: ${said}`)))
  })
  failed.catch(() => undefined)
  return {
    pid: child.pid!,
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
