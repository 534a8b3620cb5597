import { spawn } from 'node:child_process'
import { rmSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { formatKafka, freePort } from '../../test/support/start-kafka.ts'
import { atExit } from './cleanup.ts'
import { builtPackage } from './package.ts'
import { RawConnection } from './raw-connection.ts'

/** A broker that may be started, killed and started again on the same folder and port. */
export interface Contender {
  readonly name: string
  readonly bootstrap: string
  /** Of the process that runs now. */
  readonly pid: number
  /** Milliseconds from the start of the process to the moment that it takes a connection. */
  start(): Promise<number>
  /** Kills it with -9. */
  kill(): Promise<void>
  /** Ends it and starts it again. */
  restart(): Promise<void>
  /** Ends it and removes its folder. */
  remove(): Promise<void>
}

export type Settings = Readonly<Record<string, string>>

/** What `kafka-server-start.sh` gives the virtual machine when nobody says otherwise. */
const KAFKA_JVM = [
  '-Xmx1G',
  '-Xms1G',
  '-server',
  '-XX:+UseG1GC',
  '-XX:MaxGCPauseMillis=20',
  '-XX:InitiatingHeapOccupancyPercent=35',
  '-XX:+ExplicitGCInvokesConcurrent',
  '-XX:MaxInlineLevel=15',
  '-Djava.awt.headless=true',
]

const CONNECT_EVERY_MS = 5

/** Our broker, from the package as npm installs it. `MOLDAU_BENCH_NODE_ARGS` goes to its node: `--cpu-prof --cpu-prof-dir=/tmp/prof`. */
export async function moldau(settings: Settings, name = 'moldau'): Promise<Contender> {
  const dir = await mkdtemp(join(tmpdir(), 'moldau-bench-'))
  const port = await freePort()
  const extra = process.env['MOLDAU_BENCH_NODE_ARGS']?.split(' ') ?? []
  const main = join(await builtPackage(), 'dist', 'cli', 'main.js')
  const args = [...extra, main, 'broker', '--port', String(port), '--dir', dir, '--log-level', 'warn']
  for (const [key, value] of Object.entries(settings)) args.push('-c', `${key}=${value}`)
  const start = (): Started => {
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] })
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
    const end = (signal: NodeJS.Signals): Promise<void> => {
      child.kill(signal)
      return ended
    }
    return { pid: child.pid!, kill: () => end('SIGKILL'), stop: () => end('SIGTERM') }
  }
  return new Node(name, `127.0.0.1:${port}`, dir, start)
}

/** A real Kafka with its own defaults for settings and virtual machine. */
export async function kafka(settings: Settings = {}, name = 'kafka'): Promise<Contender> {
  const node = await formatKafka({ config: settings, jvm: KAFKA_JVM })
  const start = (): Started => {
    const started = node.start()
    const kill = (): Promise<void> => started.kill()
    // A node that is alone waits for a controller to say goodbye to: it is killed.
    return { pid: started.pid, kill, stop: kill }
  }
  return new Node(name, node.bootstrap, node.dir, start)
}

interface Started {
  readonly pid: number
  kill(): Promise<void>
  /** In order, where it can. */
  stop(): Promise<void>
}

class Node implements Contender {
  readonly name: string
  readonly bootstrap: string
  readonly #dir: string
  readonly #start: () => Started
  #started: Started | undefined
  #forget: () => void

  constructor(name: string, bootstrap: string, dir: string, start: () => Started) {
    this.name = name
    this.bootstrap = bootstrap
    this.#dir = dir
    this.#start = start
    this.#started = undefined
    this.#forget = atExit(() => {
      if (this.#started !== undefined) process.kill(this.#started.pid, 'SIGKILL')
      rmSync(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
    })
  }

  get pid(): number {
    return this.#started!.pid
  }

  async start(): Promise<number> {
    const begun = performance.now()
    this.#started = this.#start()
    for (;;) {
      try {
        const connection = await RawConnection.open(this.bootstrap)
        connection.close()
        return performance.now() - begun
      } catch {
        await new Promise((resolve) => setTimeout(resolve, CONNECT_EVERY_MS))
      }
    }
  }

  async kill(): Promise<void> {
    const started = this.#started
    this.#started = undefined
    await started?.kill()
  }

  async restart(): Promise<void> {
    await this.#stop()
    await this.start()
  }

  /** In order, so that profiles are written. */
  async remove(): Promise<void> {
    await this.#stop()
    await rm(this.#dir, { recursive: true, force: true })
    this.#forget()
  }

  async #stop(): Promise<void> {
    const started = this.#started
    await started?.stop()
    this.#started = undefined
  }
}
