import { execFile } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const home = join(tmpdir(), 'moldau-compat')

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
