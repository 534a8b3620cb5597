import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { basename, delimiter, dirname, join } from 'node:path'
import { promisify } from 'node:util'

import type { ExecutionContext } from 'ava'

import { missing } from './missing.ts'
import { Program, type Teardown } from './program.ts'
import { kafkaLibs } from './start-kafka.ts'

const run = promisify(execFile)
const programs = join(import.meta.dirname, '../compat/programs')

/** What a virtual machine needs to run classes of Kafka and, by name, a program of ours; that is compiled at its first use. */
export async function javaClasses(program?: string): Promise<string> {
  const libs = await kafkaLibs()
  return program === undefined ? join(libs, '*') : javaProgram(join(programs, `${program}.java`), libs)
}

/** A class path of these libraries and of a program of ours, which is compiled at its first use. */
export async function javaProgram(source: string, libs: string): Promise<string> {
  const version = createHash('sha256')
    .update(await readFile(source))
    .digest('hex')
    .slice(0, 8)
  const classes = join(dirname(libs), `${basename(source, '.java')}-${version}`)
  if (!existsSync(classes)) {
    // Into a folder of our own first, so that a second process never sees half of it.
    const fresh = await mkdtemp(join(dirname(libs), 'compile-'))
    try {
      await run('javac', ['-proc:none', '-cp', join(libs, '*'), '-d', fresh, source])
      await rename(fresh, classes)
    } finally {
      await rm(fresh, { recursive: true, force: true })
    }
  }
  return [join(libs, '*'), classes].join(delimiter)
}

/** Whether Java, its compiler and Kafka's classes are here. Without them a test says so and passes, except in CI, where they must be. */
export async function hasJava(t: ExecutionContext): Promise<boolean> {
  try {
    await run('javac', ['-version'])
    await kafkaLibs()
    return true
  } catch (error) {
    missing(t, "Kafka's applications (java, javac and mvn are needed)", error)
    return false
  }
}

const LOGGING = `status = error
rootLogger.level = warn
rootLogger.appenderRef.out.ref = out
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{HH:mm:ss.SSS} %p %m (%c{1})%throwable{short.message}%n
`

/** An option of the virtual machine: Kafka's classes say their warnings on standard output. */
export async function javaLogging(dir: string): Promise<string> {
  const file = join(dir, 'log4j2.properties')
  await writeFile(file, LOGGING)
  return `-Dlog4j2.configurationFile=${file}`
}

/** Starts a class that goes on until it is ended, with warnings among what it says. */
export async function startJava(
  t: Teardown,
  {
    classes,
    dir,
    className,
    args,
    heapMb = 256,
  }: { classes: string; dir: string; className: string; args: readonly string[]; heapMb?: number },
  onLine: (line: string) => void,
): Promise<Program> {
  // The quick compiler: it lives for seconds.
  const options = [`-Xmx${heapMb}m`, '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', await javaLogging(dir)]
  return new Program(t, 'java', [...options, '-cp', classes, className, ...args], onLine)
}
