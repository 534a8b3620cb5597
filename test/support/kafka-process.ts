import { spawn } from 'node:child_process'

const START_MS = 120_000

/** The process of a Kafka broker or controller. */
export interface StartedKafka {
  readonly pid: number
  /** Resolves when the process says that it has started. */
  readonly ready: Promise<void>
  /** Kills it with -9. */
  kill(): Promise<void>
  /** Asks it to end (SIGTERM): it hands its partitions over first. Resolves when it has ended. */
  terminate(): Promise<void>
  /** Freezes it (SIGSTOP): its connections stay, nothing is answered. */
  pause(): void
  /** Lets it go on (SIGCONT). */
  resume(): void
}

/** Runs java with these arguments. */
export function startProcess(args: readonly string[]): StartedKafka {
  const child = spawn('java', args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  let said = ''
  // What the process itself says: another one at that port would answer a probe, too.
  const ready = new Promise<void>((resolve, reject) => {
    const listen = (chunk: Buffer): void => {
      if (said.length < 65_536) said += chunk.toString()
      if (said.includes('Kafka Server started')) resolve()
    }
    child.stdout.on('data', listen)
    child.stderr.on('data', listen)
    child.once('error', reject)
    child.once('exit', () => reject(new Error(`kafka did not start: ${said.slice(-2000)}`)))
    setTimeout(() => reject(new Error(`kafka did not start within ${START_MS} ms: ${said.slice(-2000)}`)), START_MS).unref()
  })
  // Who only asks whether it answers does not wait for what it says.
  ready.catch(() => {})
  const end = (signal: NodeJS.Signals): Promise<void> => {
    child.kill(signal)
    return ended
  }
  return {
    pid: child.pid!,
    ready,
    kill: () => end('SIGKILL'),
    terminate: () => end('SIGTERM'),
    pause: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
  }
}
