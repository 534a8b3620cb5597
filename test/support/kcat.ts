import { spawn, spawnSync } from 'node:child_process'
import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { createHash } from 'node:crypto'

import type { ExecutionContext } from 'ava'
import { missing } from './missing.ts'

/** Whether kcat is here. Without it a test says so and passes, except in CI, where it must be. */
export function hasKcat(t: ExecutionContext): boolean {
  if (spawnSync('kcat', ['-V']).error === undefined) return true
  missing(t, 'kcat', 'apt-get install kcat')
  return false
}

export interface KcatOptions {
  /** Ends up on its standard input. */
  input?: string
  /** A file that its standard output is written to; otherwise the output is answered. */
  output?: string
  /** Default 120 s. */
  timeoutMs?: number
}

/** Runs kcat against a broker to its end; answers what it printed. */
export async function kcat(bootstrap: string, args: readonly string[], options: KcatOptions = {}): Promise<string> {
  const file = options.output === undefined ? undefined : await open(options.output, 'w')
  const child = spawn('kcat', ['-b', bootstrap, ...args], {
    stdio: ['pipe', file?.fd ?? 'pipe', 'pipe'],
    timeout: options.timeoutMs ?? 120_000,
  })
  const printed: Buffer[] = []
  const complaints: Buffer[] = []
  child.stdout?.on('data', (chunk: Buffer) => printed.push(chunk))
  child.stderr!.on('data', (chunk: Buffer) => complaints.push(chunk))
  child.stdin!.on('error', () => {}) // it may end before it has read its input
  child.stdin!.end(options.input)
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
  })
  await file?.close()
  if (code !== 0) throw new Error(`kcat ${args.join(' ')} ended with ${code}: ${Buffer.concat(complaints).toString()}`)
  return Buffer.concat(printed).toString()
}

/** SHA-256 of a file, so that two big ones can be compared. */
export async function digest(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer)
  return hash.digest('hex')
}
