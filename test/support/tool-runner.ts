import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

import type { ExecutionContext } from 'ava'

import { kafkaLibs } from './start-kafka.ts'

/** What a tool ended with. */
export interface ToolResult {
  readonly code: number
  readonly output: string
}

/** Kafka's own command line tools, unmodified, in one JVM: see ToolRunner.java. */
export interface ToolRunner {
  /** @param tool class name; without a package it is one of org.apache.kafka.tools */
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

/** Starts the JVM, and ends it with the test. Undefined, with a line that says so, where there is no Java; in CI that fails. */
export async function toolRunner(t: ExecutionContext): Promise<ToolRunner | undefined> {
  let libs: string
  try {
    libs = await kafkaLibs()
  } catch (error) {
    const why = `no tools of Kafka to test with: ${error instanceof Error ? error.message : String(error)}`
    if (process.env['CI'] === 'true') t.fail(why)
    else {
      t.log(`${why}; skipped`)
      t.pass()
    }
    return undefined
  }
  const dir = await mkdtemp(join(tmpdir(), 'moldau-tools-'))
  const logging = join(dir, 'log4j2.properties')
  await writeFile(logging, LOGGING)
  const program = join(import.meta.dirname, 'ToolRunner.java')
  const options = ['-Xmx256m', '-XX:TieredStopAtLevel=1', `-Dlog4j2.configurationFile=${logging}`, '-cp', join(libs, '*')]
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
    alone: (tool, args) => finished(spawn('java', [...options, fullName(tool), ...args], { stdio: ['ignore', 'pipe', 'pipe'], cwd: dir })),
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

/** What a process has printed when it has ended. */
function finished(child: ChildProcess): Promise<ToolResult> {
  let output = ''
  const take = (chunk: Buffer): void => void (output += chunk.toString())
  child.stdout?.on('data', take)
  child.stderr?.on('data', take)
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve({ code: code ?? -1, output }))
  })
}
