import { execFile } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

import type { ExecutionContext } from 'ava'

import { missing } from './missing.ts'

const run = promisify(execFile)
const home = join(tmpdir(), 'moldau-compat')

/** A python that has fastavro with every codec; made on first use. Undefined, with a line that says why, where it cannot be had. */
export async function fastavro(t: ExecutionContext): Promise<string | undefined> {
  try {
    return await python()
  } catch (error) {
    missing(t, 'fastavro', error)
    return undefined
  }
}

async function python(): Promise<string> {
  const venv = join(home, 'fastavro')
  const command = join(venv, 'bin/python')
  const probe = ['-c', 'import fastavro, cramjam, backports.zstd']
  if (
    existsSync(command) &&
    (await run(command, probe).then(
      () => true,
      () => false,
    ))
  )
    return command
  mkdirSync(home, { recursive: true })
  await run('python3', ['-m', 'venv', venv])
  await run(join(venv, 'bin/pip'), ['install', '--quiet', 'fastavro[codecs]', 'cramjam'])
  return command
}
