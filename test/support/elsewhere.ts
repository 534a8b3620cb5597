import { execFileSync } from 'node:child_process'
import type { Teardown } from './child-broker.ts'

/**
 * Another machine, as far as the network is concerned: a network namespace of its own with one cable to here, which can be pulled. Programs there
 * vanish without a word when it is.
 */
export class Elsewhere {
  /** How to run something there: put before the command. */
  readonly command: readonly string[]
  /** The address of this machine as seen from there. */
  readonly host: string
  readonly #name: string

  private constructor(name: string, host: string) {
    this.#name = name
    this.host = host
    this.command = ['ip', 'netns', 'exec', name]
  }

  /** Answers why not, where this process may not make one. */
  static make(t: Teardown): Elsewhere | string {
    const name = `moldau-${process.pid}`
    const net = `10.213.${process.pid % 256}`
    const [here, there] = [`mold${process.pid}a`.slice(-15), `mold${process.pid}b`.slice(-15)]
    const run = (...args: string[]): void => void execFileSync('ip', args, { stdio: 'pipe' })
    try {
      run('netns', 'add', name)
    } catch (error) {
      return `no network namespace can be made here (${String(error).split('\n')[0]}); run it as root`
    }
    t.teardown(() => {
      // The cable goes with the end that is in there.
      execFileSync('ip', ['netns', 'del', name])
    })
    try {
      run('link', 'add', here, 'type', 'veth', 'peer', 'name', there, 'netns', name)
      run('addr', 'add', `${net}.1/30`, 'dev', here)
      run('link', 'set', here, 'up')
      run('-n', name, 'addr', 'add', `${net}.2/30`, 'dev', there)
      run('-n', name, 'link', 'set', 'lo', 'up')
      run('-n', name, 'link', 'set', there, 'up', 'name', 'cable')
    } catch (error) {
      return `no network can be made here (${String(error).split('\n')[0]}); run it as root`
    }
    return new Elsewhere(name, `${net}.1`)
  }

  /** Pulls the cable: nothing arrives any more, on either side, and neither is told. */
  cut(): void {
    execFileSync('ip', ['-n', this.#name, 'link', 'set', 'cable', 'down'])
  }

  mend(): void {
    execFileSync('ip', ['-n', this.#name, 'link', 'set', 'cable', 'up'])
  }
}
