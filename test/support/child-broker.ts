import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

import type { ExecutionContext } from 'ava'

import { systemClock } from '../../core/base/clock.ts'
import { Channel } from '../../core/net/channel.ts'
import { tcpDialer } from '../../core/net/dialer.ts'
import { compileCache } from './start-script.ts'

/** Who cleans up: a test, or a script. */
export type Teardown = Pick<ExecutionContext, 'teardown'>

/** A broker that can be killed with SIGKILL, or asked to stop, and started again on its directory and port. Durable as brokers are by default. */
export class ChildBroker {
  readonly #dir: string
  readonly #t: Teardown
  readonly #config: Readonly<Record<string, string | number>>
  readonly #env: Readonly<Record<string, string>>
  #child: ChildProcess | undefined
  port: number

  constructor(
    t: Teardown,
    dir: string,
    config: Readonly<Record<string, string | number>> = {},
    env: Readonly<Record<string, string>> = {},
  ) {
    this.#t = t
    this.#env = env
    this.#config = config
    this.#dir = dir
    this.#child = undefined
    this.port = 0
    t.teardown(() => this.kill())
  }

  async start(): Promise<void> {
    const script = fileURLToPath(new URL('broker-child.ts', import.meta.url))
    const child = spawn(
      process.execPath,
      ['--conditions=moldau-source', script, this.#dir, String(this.port), JSON.stringify(this.#config)],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
        env: { ...process.env, ...compileCache, ...this.#env },
      },
    )
    this.#child = child
    const ended = once(child, 'exit').then(() => {
      throw new Error('the broker ended before it answered')
    })
    const [said] = (await Promise.race([once(child.stdout, 'data'), ended])) as [Buffer]
    ended.catch(() => {})
    this.port = Number(said.toString())
  }

  async kill(): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (child === undefined || child.exitCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  }

  /** SIGTERM: it stops in good order, under whatever load. @throws Error when it ends otherwise */
  async terminate(): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (child === undefined) return
    child.kill('SIGTERM')
    const [code, signal] = await once(child, 'exit')
    if (code !== 0) throw new Error(`the broker ended with ${code ?? signal}`)
  }

  /** Takes the processor away from it, in the middle of whatever it does, and gives it back. */
  freeze(): void {
    this.#child?.kill('SIGSTOP')
  }

  thaw(): void {
    this.#child?.kill('SIGCONT')
  }

  async open(): Promise<Channel> {
    const channel = await this.dial()
    this.#t.teardown(() => channel.close())
    return channel
  }

  /** A connection that ends with the broker. */
  async dial(): Promise<Channel> {
    return new Channel(await tcpDialer().dial('127.0.0.1', this.port), { clientId: 'test', clock: systemClock })
  }
}
