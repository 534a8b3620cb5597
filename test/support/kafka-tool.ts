import { join } from 'node:path'

import type { ExecutionContext } from 'ava'

import { runCommand } from './run-command.ts'
import type { Finished, RunOptions } from './run-command.ts'
import { kafkaLibs } from './start-kafka.ts'

export interface KafkaToolOptions extends RunOptions {
  /** System properties. */
  properties?: Readonly<Record<string, string>>
}

/** A command-line tool of Apache Kafka by the name of its class; waits for its end. */
export async function kafkaTool(className: string, args: readonly string[], options: KafkaToolOptions = {}): Promise<Finished> {
  const { properties = {}, ...run } = options
  const set = Object.entries(properties).map(([name, value]) => `-D${name}=${value}`)
  return runCommand('java', ['-Xmx256m', '-XX:TieredStopAtLevel=1', ...set, '-cp', join(await kafkaLibs(), '*'), className, ...args], run)
}

/** Whether java and the jars are here. Without them a test says so and passes, except in CI, where they must be. */
export async function hasKafkaTools(t: ExecutionContext): Promise<boolean> {
  try {
    await kafkaLibs()
    const version = await runCommand('java', ['-version'])
    if (version.code === 0) return true
    throw new Error(version.stderr)
  } catch (error) {
    if (process.env['CI'] === 'true') t.fail(`no tools of Kafka: ${String(error)}`)
    else t.pass()
    t.log('skipped: no java, or no jars of Kafka')
    return false
  }
}
