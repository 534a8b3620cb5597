import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

import type { ExecutionContext } from 'ava'

import { folderInRepo } from './folder-in-repo.ts'

const root = join(import.meta.dirname, '../..')

/** What the compiler has against these programs, by the line; each is a file of the repository, so that it finds `moldau/core` as a user's program does. */
export async function typeErrors(t: ExecutionContext, programs: readonly string[]): Promise<string[]> {
  const dir = await folderInRepo(t, 'snippets')
  for (const [i, program] of programs.entries()) await writeFile(join(dir, `${i}.ts`), program)
  const lax = { noUnusedLocals: false, noUnusedParameters: false, lib: ['es2024', 'esnext.disposable', 'dom'] }
  await writeFile(join(dir, 'tsconfig.json'), JSON.stringify({ extends: '../../tsconfig.json', compilerOptions: lax, include: ['*.ts'] }))
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  const { stdout } = await promisify(execFile)(process.execPath, [tsc, '-p', dir], { cwd: root }).catch(
    (error: { stdout: string }) => error,
  )
  // What is wrong elsewhere, `npm run check` tells.
  return stdout.split('\n').flatMap((said) => {
    const [, program, line, message] = /^data\/snippets-[^/]*\/(\d+)\.ts\((\d+),\d+\): (.*)/.exec(said) ?? []
    return program === undefined ? [] : `${programs[Number(program)]!.split('\n')[Number(line) - 1]} // ${message}`
  })
}
