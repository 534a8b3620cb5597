import { type ChildProcess, spawn, type SpawnOptions } from 'node:child_process'

export interface Finished {
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
}

export interface RunOptions extends SpawnOptions {
  input?: string | Buffer
  /** Sends SIGINT as soon as standard error matches. */
  interruptOn?: RegExp
}

/** Runs a program to its end. Its output is kept, up to 16 MiB of each stream. */
export function runCommand(command: string, args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { ...options, stdio: ['pipe', 'pipe', 'pipe'] })
    const stdout: Buffer[] = []
    const stderr: Buffer[] = []
    collect(child.stdout!, stdout)
    collect(child.stderr!, stderr)
    child.stdin!.on('error', () => {}) // the program may end before it has read its input
    child.stdin!.end(options.input)
    if (options.interruptOn !== undefined) interrupt(child, options.interruptOn)
    child.on('error', reject)
    child.on('close', (code, signal) =>
      resolve({ code, signal, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() }),
    )
  })
}

const NEVER = /$^/

function interrupt(child: ChildProcess, pattern: RegExp): void {
  let text = ''
  child.stderr!.on('data', (chunk: Buffer) => {
    if (!pattern.test((text += chunk.toString()))) return
    child.kill('SIGINT')
    pattern = NEVER // a second signal would end it at once
  })
}

const keptBytesMax = 16 * 1024 * 1024

function collect(stream: NodeJS.ReadableStream, into: Buffer[]): void {
  let kept = 0
  stream.on('data', (chunk: Buffer) => {
    kept += chunk.length
    if (kept <= keptBytesMax) into.push(chunk)
  })
}

/** Runs the `moldau` command from the sources. */
export function moldau(args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  return runCommand(process.execPath, [...moldauArgs, ...args], options)
}

/** What `node` needs to run the command from the sources. */
export const moldauArgs = ['--conditions=moldau-source', new URL('../../cli/main.ts', import.meta.url).pathname]
