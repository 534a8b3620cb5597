import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

import type { ExecutionContext } from 'ava'

import { missing } from './missing.ts'
import { Program } from './program.ts'
import { freePort } from './start-kafka.ts'

const run = promisify(execFile)
const VERSION = '2.6.13.Final'
const cache = join(tmpdir(), 'moldau-compat')

/**
 * A real schema registry for the time of a test: Apicurio, in memory, with the API of Confluent's. Without java and mvn the test is left out with a
 * line that says so, unless CI is set: there it fails.
 *
 * @returns its URL
 */
export async function startApicurio(t: ExecutionContext): Promise<string | undefined> {
  let folder: string
  try {
    folder = await apicurio()
  } catch (error) {
    missing(t, 'the schema registry Apicurio (java and mvn are needed)', error)
    return undefined
  }
  const port = await freePort()
  const jar = (await readdir(folder)).find((name) => name.endsWith('-runner.jar'))!
  const options = [
    '-Xmx256m',
    '-XX:TieredStopAtLevel=1',
    '-XX:+UseSerialGC',
    '-Dquarkus.http.host=127.0.0.1',
    `-Dquarkus.http.port=${port}`,
  ]
  const program = new Program(t, 'java', [...options, '-jar', join(folder, jar)])
  const url = `http://127.0.0.1:${port}/apis/ccompat/v7`
  await program.until('the registry answers', async () => {
    const response = await fetch(`${url}/subjects`).catch(() => undefined)
    return response?.ok === true
  })
  return url
}

/** The folder of its jars, fetched from Maven Central unless it is in the cache. */
async function apicurio(): Promise<string> {
  const folder = join(cache, `apicurio-${VERSION}`)
  await run('java', ['-version'])
  if (existsSync(folder)) return folder
  await mkdir(cache, { recursive: true })
  // Into a folder of our own first, so that a second process never sees half of it.
  const fresh = await mkdtemp(join(cache, 'fetch-'))
  try {
    const artifact = `-Dartifact=io.apicurio:apicurio-registry-app:${VERSION}:tar.gz:all`
    await run('mvn', ['-q', '-B', 'dependency:copy', artifact, `-DoutputDirectory=${fresh}`], { timeout: 600_000 })
    const place = join(fresh, 'whole')
    await mkdir(place)
    await run('tar', ['xzf', join(fresh, `apicurio-registry-app-${VERSION}-all.tar.gz`), '-C', place])
    await rename(place, folder)
  } finally {
    await rm(fresh, { recursive: true, force: true })
  }
  return folder
}
