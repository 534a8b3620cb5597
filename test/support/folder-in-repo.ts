import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'

import type { ExecutionContext } from 'ava'

const data = join(import.meta.dirname, '../../data')

/**
 * An empty folder inside the repository until the test ends, so that a program in it finds `moldau/core` as a user's program does.
 *
 * `data` itself stays (git ignores it): a test that took it away would take it from one in another process that is about to use it.
 */
export async function folderInRepo(t: ExecutionContext, name: string): Promise<string> {
  await mkdir(data, { recursive: true })
  const dir = await mkdtemp(join(data, `${name}-`))
  t.teardown(() => rm(dir, { recursive: true, force: true }))
  return dir
}
