import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { launchKafka } from '../test/support/start-kafka.ts'
import { moldauArgs } from '../test/support/run-command.ts'

/** A broker in a process of its own. */
export interface Server {
  bootstrap: string
  pid: number
  stop(): Promise<void>
}

/** Our broker, from the sources, on a free port. `MOLDAU_BENCH_NODE_ARGS` goes to its node: `--cpu-prof --cpu-prof-dir=/tmp/prof`. */
export async function startMoldau(): Promise<Server> {
  const dir = await mkdtemp(join(tmpdir(), 'moldau-bench-'))
  const extra = process.env['MOLDAU_BENCH_NODE_ARGS']?.split(' ') ?? []
  const args = [...extra, '--max-semi-space-size=32', ...moldauArgs, 'broker', '--port', '0', '--dir', dir, '--log-level', 'silent']
  // Kafka's default is no sync before the answer: both sides do the same work.
  const child = spawn(process.execPath, [...args, '-c', 'durability=page-cache'], { stdio: ['ignore', 'pipe', 'inherit'] })
  const bootstrap = await new Promise<string>((resolve, reject) => {
    child.stdout.on('data', (chunk: Buffer) => {
      const found = /ready at (\S+),/.exec(chunk.toString())
      if (found) resolve(found[1]!)
    })
    child.once('exit', () => reject(new Error('the broker did not start')))
  })
  return {
    bootstrap,
    pid: child.pid!,
    async stop() {
      const ended = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGTERM')
      await ended
      await rm(dir, { recursive: true, force: true })
    },
  }
}

/** A real Kafka, or undefined with a line that says why there is none. */
export async function startPeer(): Promise<Server | undefined> {
  try {
    return await launchKafka()
  } catch (error) {
    console.error(`no Kafka to compare with: ${error instanceof Error ? error.message : String(error)}`)
    return undefined
  }
}
