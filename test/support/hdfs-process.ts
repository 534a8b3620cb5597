import { execFile, spawn } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)
const READY_MS = 120_000

/** A process of Hadoop. */
export interface HadoopProcess {
  readonly pid: number
  /** Kills it with -9. */
  kill(): Promise<void>
  /** Freezes it (SIGSTOP). */
  pause(): void
  /** Lets it go on (SIGCONT). */
  resume(): void
}

/** What a daemon or a tool of Hadoop runs with. */
export interface HadoopSetup {
  readonly classPath: string
  readonly heap?: string
}

/**
 * Starts a daemon.
 *
 * @param isReady asked again and again until it is true
 * @throws Error with its last words when it ends, or is not ready within two minutes
 */
export async function startHadoop(setup: HadoopSetup, main: string, isReady: () => Promise<boolean>): Promise<HadoopProcess> {
  const child = spawn('java', javaArguments(setup, main), { stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  const listen = (chunk: Buffer): void => void (said = (said + chunk.toString()).slice(-8192))
  child.stdout.on('data', listen)
  child.stderr.on('data', listen)
  let isOver = false
  const ended = new Promise<void>((resolve) => {
    child.once('error', (error) => {
      said += String(error)
      isOver = true
      resolve()
    })
    child.once('exit', () => {
      isOver = true
      resolve()
    })
  })
  const kill = (): Promise<void> => {
    child.kill('SIGKILL')
    return ended
  }
  const deadline = Date.now() + READY_MS
  while (!(await isReady().catch(() => false))) {
    if (isOver) throw new Error(`${main} ended: ${said}`)
    if (Date.now() > deadline) {
      await kill()
      throw new Error(`${main} is not ready after ${READY_MS} ms: ${said}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  return {
    pid: child.pid!,
    kill,
    pause: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
  }
}

/** Runs a tool of Hadoop to its end; what it wrote. */
export async function runHadoop(setup: HadoopSetup, main: string, ...args: string[]): Promise<string> {
  const { stdout, stderr } = await run('java', [...javaArguments(setup, main), ...args])
  return stdout + stderr
}

function javaArguments({ classPath, heap = '256m' }: HadoopSetup, main: string): string[] {
  // One thread to collect garbage and the small compiler: several of these share two cores.
  return [`-Xmx${heap}`, '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Djava.net.preferIPv4Stack=true', '-cp', classPath, main]
}
