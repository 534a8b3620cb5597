import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

import type { ExecutionContext } from 'ava'

import { missing } from './missing.ts'
import { runCommand } from './run-command.ts'
import { kafkaLibs } from './start-kafka.ts'

/** What a tool ended with, and all that it printed. */
export interface ToolResult {
  readonly code: number
  readonly output: string
}

/** Kafka's own command line tools, unmodified, in one JVM: see ToolRunner.java. */
export interface ToolRunner {
  /** One after the other. @param tool class name; without a package it is one of org.apache.kafka.tools */
  run(tool: string, args: readonly string[], stdin?: string): Promise<ToolResult>
  /** In a JVM of its own, for a tool that finishes its work while the JVM ends. */
  alone(tool: string, args: readonly string[]): Promise<ToolResult>
}

const LOGGING = `status = error
rootLogger.level = error
rootLogger.appenderRef.out.ref = out
appender.out.type = Console
appender.out.name = out
appender.out.target = SYSTEM_ERR
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %p %m (%c)%n
`

/**
 * Starts the JVM, and ends it with the test. Undefined, with a line that says so, where there is no Java; in CI that fails.
 *
 * @param properties system properties
 */
export async function toolRunner(t: ExecutionContext, properties: Readonly<Record<string, string>> = {}): Promise<ToolRunner | undefined> {
  let libs: string
  try {
    await runCommand('java', ['-version'])
    libs = await kafkaLibs()
  } catch (error) {
    missing(t, "Kafka's tools (java and mvn are needed)", error)
    return undefined
  }
  const dir = await mkdtemp(join(tmpdir(), 'moldau-tools-'))
  const logging = join(dir, 'log4j2.properties')
  await writeFile(logging, LOGGING)
  const program = join(import.meta.dirname, 'ToolRunner.java')
  const set = Object.entries({ 'log4j2.configurationFile': logging, ...properties }).map(([name, value]) => `-D${name}=${value}`)
  const options = ['-Xmx256m', '-XX:TieredStopAtLevel=1', ...set, '-cp', join(libs, '*')]
  const child = spawn('java', [...options, program], { stdio: ['pipe', 'pipe', 'pipe'], cwd: dir })
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  t.teardown(async () => {
    child.stdin.end()
    child.kill('SIGKILL')
    await ended
    await rm(dir, { recursive: true, force: true })
  })
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-4000)))
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const fullName = (tool: string): string => (/^(org|kafka)\./.test(tool) ? tool : `org.apache.kafka.tools.${tool}`)
  return {
    async alone(tool, args) {
      const { code, stdout, stderr } = await runCommand('java', [...options, fullName(tool), ...args], { cwd: dir })
      return { code: code ?? -1, output: stdout + stderr }
    },
    async run(tool, args, stdin = '') {
      const name = fullName(tool)
      child.stdin.write(`${[name, ...args, Buffer.from(stdin).toString('base64')].join('\t')}\n`)
      const { value, done } = await lines.next()
      if (done === true) throw new Error(`the JVM of the tools has ended: ${said}`)
      const [code, output = ''] = value.split(' ')
      return { code: Number(code), output: Buffer.from(output, 'base64').toString() }
    },
  }
}
