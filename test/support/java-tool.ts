import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

import type { ExecutionContext } from 'ava'

import { type Finished, runCommand, type RunOptions } from './run-command.ts'
import { kafkaLibs } from './start-kafka.ts'

export interface ToolOptions extends RunOptions {
  /** System properties. */
  properties?: Readonly<Record<string, string>>
}

/** Apache Kafka's command line tools by the names of their classes; undefined, with a line that says why, where they cannot be had. */
export class JavaTools {
  readonly #libs: string
  readonly #t: ExecutionContext

  private constructor(t: ExecutionContext, libs: string) {
    this.#t = t
    this.#libs = libs
  }

  static async get(t: ExecutionContext): Promise<JavaTools | undefined> {
    try {
      await runCommand('java', ['-version'])
      return new JavaTools(t, await kafkaLibs())
    } catch (error) {
      const why = `Kafka's tools cannot be had (java and mvn are needed): ${String(error)}`
      if (process.env['CI'] === 'true') t.fail(why)
      else {
        t.log(`SKIPPED: ${why}`)
        t.pass()
      }
      return undefined
    }
  }

  #args(className: string, args: readonly string[], properties: Readonly<Record<string, string>> = {}): string[] {
    // The quick compiler: a tool lives for a second.
    const set = Object.entries(properties).map(([name, value]) => `-D${name}=${value}`)
    return ['-Xmx256m', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', ...set, '-cp', join(this.#libs, '*'), className, ...args]
  }

  /** Runs a tool to its end; what it says of its logging is left out. */
  async run(className: string, args: readonly string[], { properties, ...options }: ToolOptions = {}): Promise<Finished> {
    const finished = await runCommand('java', this.#args(className, args, properties), options)
    const quiet = (text: string): string => text.replace(/^.*(?:SLF4J|log4j|StatusLogger).*\n/gim, '')
    return { ...finished, stdout: quiet(finished.stdout), stderr: quiet(finished.stderr) }
  }

  /** Starts a tool that goes on until it is stopped, or the test ends. */
  start(className: string, args: readonly string[], onLine: (line: string) => void): ChildProcess {
    const child = spawn('java', this.#args(className, args), { stdio: ['ignore', 'pipe', 'ignore'] })
    createInterface(child.stdout!).on('line', onLine)
    this.#t.teardown(() => child.kill('SIGKILL'))
    return child
  }
}

export async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill(signal)
  await once(child, 'exit')
}
