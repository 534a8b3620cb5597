import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'

import type { ExecutionContext } from 'ava'

import { moldauArgs, type Finished } from './run-command.ts'

/** A `moldau` command that runs on, as in a terminal of its own; killed with the test when it is still there. */
export class StartedMoldau {
  readonly child: ChildProcess
  stdout: string
  stderr: string
  readonly #ended: Promise<unknown>

  constructor(t: ExecutionContext, args: readonly string[]) {
    this.child = spawn(process.execPath, [...moldauArgs, ...args], { stdio: ['pipe', 'pipe', 'pipe'] })
    this.stdout = ''
    this.stderr = ''
    this.child.stdout!.on('data', (chunk: Buffer) => (this.stdout += chunk.toString()))
    this.child.stderr!.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()))
    this.#ended = once(this.child, 'close')
    t.teardown(() => this.child.kill('SIGKILL'))
  }

  /** Waits until standard output matches; fails when the command ends before. */
  async says(pattern: RegExp): Promise<RegExpMatchArray> {
    for (;;) {
      const match = this.stdout.match(pattern)
      if (match !== null) return match
      const ended = await Promise.race([once(this.child.stdout!, 'data').then(() => false), this.#ended.then(() => true)])
      if (ended && !pattern.test(this.stdout)) throw new Error(`ended without saying ${pattern}: ${this.stdout}${this.stderr}`)
    }
  }

  async end(signal?: NodeJS.Signals): Promise<Finished> {
    if (signal !== undefined) this.child.kill(signal)
    await this.#ended
    return { code: this.child.exitCode, signal: this.child.signalCode, stdout: this.stdout, stderr: this.stderr }
  }
}
