import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { createInterface } from 'node:readline'

interface Surroundings {
  /** The limit of open files. Default: that of this process. */
  readonly descriptors?: number
  /** Put before the command. */
  readonly command?: readonly string[]
}

/** A process that says lines. */
class Spoken {
  readonly child: ChildProcessWithoutNullStreams
  readonly #lines: AsyncIterator<string>

  constructor(script: string, args: readonly string[], { descriptors, command = [] }: Surroundings = {}) {
    const file = fileURLToPath(new URL(script, import.meta.url))
    const whole = [...command, process.execPath, '--conditions=moldau-source', file, ...args]
    const limited = descriptors === undefined ? whole : ['bash', '-c', `ulimit -n ${descriptors}; exec "$@"`, 'limited', ...whole]
    this.child = spawn(limited[0]!, limited.slice(1))
    this.child.stderr.pipe(process.stderr)
    this.#lines = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]()
  }

  async line(): Promise<string> {
    const { done, value } = await this.#lines.next()
    if (done) throw new Error('the process has ended')
    return value as string
  }

  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return
    const exit = once(this.child, 'exit')
    this.child.kill(signal)
    await exit
  }
}

/** A broker in a process of its own, looked at from outside. */
export class ManyBroker {
  readonly #process: Spoken
  readonly port: number
  /** From the call of Broker.start to its answer. */
  readonly startMs: number
  /** What it said before it was ready. */
  readonly warnings: readonly string[]

  private constructor(spoken: Spoken, port: number, startMs: number, warnings: readonly string[]) {
    this.#process = spoken
    this.port = port
    this.startMs = startMs
    this.warnings = warnings
  }

  static async start(
    dir: string,
    config: object = {},
    { host = '127.0.0.1', ...limits }: { descriptors?: number; host?: string } = {},
  ): Promise<ManyBroker> {
    const spoken = new Spoken('many-broker.ts', [dir, JSON.stringify(config), host], limits)
    const warnings: string[] = []
    for (;;) {
      const line = await spoken.line()
      const ready = /^ready (\d+) (\d+)$/.exec(line)
      if (ready !== null) return new ManyBroker(spoken, Number(ready[1]), Number(ready[2]), warnings)
      warnings.push(line)
    }
  }

  get alive(): boolean {
    return this.#process.child.exitCode === null && this.#process.child.signalCode === null
  }

  /** Open descriptors now. */
  get descriptors(): number {
    return readdirSync(`/proc/${this.#process.child.pid}/fd`).length
  }

  /** Memory in use now, in bytes. */
  get memory(): number {
    return 1024 * Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${this.#process.child.pid}/status`, 'latin1'))![1])
  }

  stop(): Promise<void> {
    return this.#process.end('SIGTERM')
  }

  kill(): Promise<void> {
    return this.#process.end('SIGKILL')
  }
}

/** Connections of another process: see many-clients.ts for the commands. */
export class ManyClients {
  readonly #process: Spoken

  /** @param where another place than this machine, and the address of the broker as seen from there */
  constructor(port: number, where?: { command: readonly string[]; host: string }) {
    this.#process = new Spoken('many-clients.ts', [String(port), where?.host ?? '127.0.0.1'], where)
  }

  async tell(command: string): Promise<Record<string, number>> {
    this.#process.child.stdin.write(`${command}\n`)
    return JSON.parse(await this.#process.line()) as Record<string, number>
  }

  end(): Promise<void> {
    return this.#process.end('SIGKILL')
  }
}
