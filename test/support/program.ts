import { type ChildProcess, spawn, type SpawnOptions } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

import type { ExecutionContext } from 'ava'

/** Who cleans up: a test, or a script. */
export type Teardown = Pick<ExecutionContext, 'teardown'>

const KEPT_LINES = 100
const POLL_MS = 50

/** A program in a process of its own, to be watched, ended and killed. What it says last is kept for when something is wrong. */
export class Program {
  readonly #child: ChildProcess
  readonly #ended: Promise<void>
  readonly #name: string
  readonly #last: string[]

  /** @param onLine gets each line of standard output and standard error */
  constructor(
    t: Teardown,
    command: string,
    args: readonly string[],
    onLine: (line: string) => void = () => {},
    options: SpawnOptions = {},
  ) {
    this.#name = `${command} ${args.at(-1) ?? ''}`
    this.#last = []
    this.#child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
    this.#ended = once(this.#child, 'exit').then(
      () => {},
      (error: unknown) => void this.#last.push(String(error)),
    )
    const note = (line: string): void => {
      this.#last.push(line)
      if (this.#last.length > KEPT_LINES) this.#last.shift()
      onLine(line)
    }
    createInterface(this.#child.stdout!).on('line', note)
    createInterface(this.#child.stderr!).on('line', note)
    t.teardown(() => this.end('SIGKILL'))
  }

  get said(): string {
    return this.#last.join('\n')
  }

  get running(): boolean {
    return this.#child.pid !== undefined && this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** Sends the signal and waits for the end, which is that of a kill where a gentler signal does not help. */
  async end(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM', patienceMs = 30_000): Promise<void> {
    if (!this.running) return
    this.#child.kill(signal)
    const last = setTimeout(() => this.#child.kill('SIGKILL'), patienceMs)
    await this.#ended
    clearTimeout(last)
  }

  /** Waits for the program to end by itself, well. */
  async finish(patienceMs = 90_000): Promise<void> {
    const last = setTimeout(() => this.#child.kill('SIGKILL'), patienceMs)
    await this.#ended
    clearTimeout(last)
    if (this.#child.exitCode !== 0)
      throw new Error(`${this.#name} ended with ${this.#child.exitCode ?? this.#child.signalCode}\n${this.said}`)
  }

  /** Waits while the program runs; who has ended before that has failed. */
  async until(what: string, holds: () => boolean | Promise<boolean>, patienceMs = 90_000): Promise<void> {
    for (const end = Date.now() + patienceMs; !(await holds());) {
      if (!this.running) throw new Error(`${this.#name} has ended before: ${what}\n${this.said}`)
      if (Date.now() > end) throw new Error(`not in ${patienceMs / 1000} s: ${what}\n${this.said}`)
      await new Promise((resolve) => setTimeout(resolve, POLL_MS))
    }
  }
}
