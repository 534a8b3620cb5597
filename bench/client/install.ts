import { execFile } from 'node:child_process'
import { existsSync, rmSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { stripTypeScriptTypes } from 'node:module'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { atExit } from '../broker/cleanup.ts'
import peers from './peers.json' with { type: 'json' }

export type PeerName = keyof typeof peers

const run = promisify(execFile)
const INSTALL_MS = 30 * 60_000
/** Kept between runs: versions do not change. */
const cache = join(tmpdir(), 'moldau-bench-peers')
const here = import.meta.dirname

/** The environment of a shell that npm has not put the project's own programs in front of. */
export const plainEnvironment: NodeJS.ProcessEnv = {
  ...process.env,
  PATH: process.env['PATH']!.split(delimiter)
    .filter((dir) => !dir.includes('node_modules'))
    .join(delimiter),
  // Against the libraries of the system: what its build would fetch else is not on npm.
  CKJS_LINKING: 'dynamic',
}

/** The folder where a client of somebody else's is installed, at its pinned version; npm fetches and may compile it at the first use. */
export async function installedPeer(name: PeerName): Promise<string> {
  const place = join(cache, `${name.replace('/', '+')}-${peers[name]}`)
  if (existsSync(place)) return place
  await mkdir(cache, { recursive: true })
  // Under another name first: it is there whole or not at all.
  const fresh = await mkdtemp(join(cache, 'fetch-'))
  try {
    await writeFile(join(fresh, 'package.json'), '{"private": true}')
    const args = ['install', '--no-audit', '--no-fund', '--save-exact', `${name}@${peers[name]}`]
    await run('npm', args, { cwd: fresh, env: plainEnvironment, timeout: INSTALL_MS, maxBuffer: 64 * 1024 * 1024 })
    await rename(fresh, place)
    return place
  } catch (error) {
    await rm(fresh, { recursive: true, force: true })
    throw error
  }
}

/**
 * Puts our programs where their imports find the client, as JavaScript: a client that was compiled for an older Node runs under that.
 *
 * @param from the folder with `task.ts` and the folder of programs
 */
export async function withPrograms(place: string, from = here): Promise<string> {
  const dir = await mkdtemp(join(place, 'programs-'))
  atExit(() => rmSync(dir, { recursive: true, force: true }))
  await mkdir(join(dir, 'programs'))
  const files = [
    'task.ts',
    ...(await readdir(join(from, 'programs'))).filter((file) => file.endsWith('.ts')).map((file) => join('programs', file)),
  ]
  for (const file of files) {
    const source = stripTypeScriptTypes(await readFile(join(from, file), 'utf8'))
    await writeFile(join(dir, file.replace(/\.ts$/, '.mjs')), source.replaceAll(/(from '\.[^']*)\.ts'/g, "$1.mjs'"))
  }
  return join(dir, 'programs')
}
