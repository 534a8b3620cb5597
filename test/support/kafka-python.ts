import { execFile } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const venv = join(tmpdir(), 'moldau-compat', 'kafka-python-2.0.2')
const program = join(import.meta.dirname, 'kafka-python.py')

/** A python that has a client of the time, with its codecs; made on first use. */
export async function kafkaPython(): Promise<string> {
  const python = join(venv, 'bin/python')
  const there = await run(python, ['-c', 'import kafka, snappy, lz4, xxhash']).then(
    () => true,
    () => false,
  )
  if (there) return python
  mkdirSync(join(venv, '..'), { recursive: true })
  await run('python3', ['-m', 'venv', venv])
  await run(join(venv, 'bin/pip'), ['install', '--quiet', 'kafka-python==2.0.2', 'python-snappy', 'lz4', 'xxhash'])
  return python
}

export interface OldRun {
  readonly offsets: number[]
  /** Offset, key, value, timestamp. */
  readonly seen: [number, string, string, number | null][]
  readonly committed: number | null
}

/** Produces, consumes and (with a group) commits as a client that was told the broker is of `version`. */
export async function runKafkaPython(
  python: string,
  bootstrap: string,
  { version, topic, codec, count, group }: { version: string; topic: string; codec: string; count: number; group: boolean },
): Promise<OldRun> {
  const { stdout } = await run(python, [program, bootstrap, version, topic, codec, String(count), group ? 'yes' : 'no'], {
    timeout: 120_000,
    maxBuffer: 64 * 1024 * 1024,
  })
  return JSON.parse(stdout) as OldRun
}
