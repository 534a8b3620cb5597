import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { cpuOf } from '../process-cpu.ts'
import { atExit } from '../broker/cleanup.ts'

const LOOK_EVERY_MS = 20
const SAID_CHARS_MAX = 20_000

export interface Ended {
  readonly stdout: string
  /** Of its whole life, up to a twentieth of a second before its end. */
  readonly cpu: number
  readonly megabytesMax: number
}

/** Runs a process to its end, looking at its memory. @throws Error with what it said on stderr when it fails */
export function runChild(
  command: string,
  args: readonly string[],
  { env, timeoutMs }: { env: NodeJS.ProcessEnv; timeoutMs: number },
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
    const forget = atExit(() => child.kill('SIGKILL'))
    let stdout = ''
    let stderr = ''
    let cpu = 0
    let megabytesMax = 0
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (stderr = (stderr + chunk.toString()).slice(-SAID_CHARS_MAX)))
    const look = setInterval(() => {
      try {
        cpu = cpuOf(child.pid!)
        megabytesMax = memoryOf(child.pid!) || megabytesMax
      } catch {
        // It has ended.
      }
    }, LOOK_EVERY_MS)
    const late = setTimeout(() => child.kill('SIGKILL'), timeoutMs)
    const over = (): void => {
      clearInterval(look)
      clearTimeout(late)
      forget()
    }
    child.once('error', (error) => {
      over()
      reject(error)
    })
    child.once('close', (code, signal) => {
      over()
      if (code === 0) resolve({ stdout, cpu, megabytesMax })
      else reject(new Error(`${signal === 'SIGKILL' ? `not done after ${timeoutMs / 1000} s` : `exit ${code ?? signal}`}: ${stderr}`))
    })
  })
}

/** The most that a process has had in memory, in megabytes. */
function memoryOf(pid: number): number {
  const line = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return (Number(line?.[1] ?? 0) * 1024) / 1e6
}
