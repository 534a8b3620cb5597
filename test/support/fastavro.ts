import { execFile } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { ExecutionContext } from 'ava'

const run = promisify(execFile)
const home = join(tmpdir(), 'moldau-compat')

/** A reader that cannot be had is skipped with a word, and fails where everything must be there. */
export function missing(t: ExecutionContext, what: string, error: unknown): void {
  if (process.env['CI'] === 'true') throw error
  t.log(`skipped: ${what} cannot be had here (${String(error).split('\n')[0]})`)
  t.pass()
}

/** A python that has fastavro with every codec; made on first use. */
export async function fastavro(): Promise<string> {
  const venv = join(home, 'fastavro')
  const python = join(venv, 'bin/python')
  const probe = ['-c', 'import fastavro, cramjam, backports.zstd']
  if (
    existsSync(python) &&
    (await run(python, probe).then(
      () => true,
      () => false,
    ))
  )
    return python
  mkdirSync(home, { recursive: true })
  await run('python3', ['-m', 'venv', venv])
  await run(join(venv, 'bin/pip'), ['install', '--quiet', 'fastavro[codecs]', 'cramjam'])
  return python
}
