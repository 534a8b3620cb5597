import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** A file that ships with the package, whether this runs from the sources or from dist. */
export function packageFile(path: string): string {
  for (let dir = dirname(fileURLToPath(import.meta.url)); ; dir = dirname(dir)) {
    if (existsSync(join(dir, 'package.json'))) return join(dir, path)
    if (dir === dirname(dir)) throw new Error(`no package.json above ${fileURLToPath(import.meta.url)}`)
  }
}
