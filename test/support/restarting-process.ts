import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

/** A process that is started again whenever it ends before it should. */
export class RestartingProcess {
  readonly name: string
  readonly #start: () => ChildProcess
  readonly #onLine: (line: string) => void
  #child: ChildProcess
  #ended: boolean

  constructor(name: string, start: () => ChildProcess, onLine: (line: string) => void) {
    this.name = name
    this.#start = start
    this.#onLine = onLine
    this.#ended = false
    this.#child = this.#launch()
  }

  #launch(): ChildProcess {
    const child = this.#start()
    createInterface(child.stdout!).on('line', this.#onLine)
    child.once('exit', () => {
      if (!this.#ended) this.#child = this.#launch()
    })
    return child
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }

  freeze(): void {
    this.#child.kill('SIGSTOP')
  }

  thaw(): void {
    this.#child.kill('SIGCONT')
  }

  async end(signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<void> {
    this.#ended = true
    const child = this.#child
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill(signal)
    await once(child, 'exit')
  }
}
