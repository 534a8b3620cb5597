import { rmSync } from 'node:fs'
import { copyFile, mkdtemp, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runCommand } from '../../test/support/run-command.ts'
import { atExit } from './cleanup.ts'

export const root = new URL('../..', import.meta.url).pathname

const built = new Map<string, Promise<string>>()

/** A folder with what the package holds, as npm installs it: it finds itself by its own name there. Made once, removed at the end. */
export function builtPackage(from = root): Promise<string> {
  const done = built.get(from) ?? build(from)
  built.set(from, done)
  return done
}

async function build(root: string): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'moldau-bench-'))
  atExit(() => rmSync(dir, { recursive: true, force: true }))
  await symlink(join(root, 'node_modules'), join(dir, 'node_modules'))
  await copyFile(join(root, 'package.json'), join(dir, 'package.json'))
  const tsc = join(root, 'node_modules', '.bin', 'tsc')
  const done = await runCommand(tsc, ['-p', join(root, 'tsconfig.build.json'), '--noCheck', '--outDir', join(dir, 'dist')])
  if (done.code !== 0) throw new Error(`the build failed: ${done.stdout}${done.stderr}`)
  return dir
}
