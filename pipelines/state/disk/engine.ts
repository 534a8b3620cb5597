import { createRequire } from 'node:module'
import { MoldauError, messageOf } from '../../../core/base/errors.ts'

/** An ordered map of bytes on disk, as far as it is needed of a database of lmdb. */
export interface Ordered {
  /** A copy of the value. */
  getBinary(key: Buffer): Buffer | undefined
  putSync(key: Buffer, value: Buffer): unknown
  removeSync(key: Buffer): unknown
  getRange(options: { start?: Buffer; end?: Buffer; limit?: number }): Iterable<{ key: Buffer; value: Buffer }>
  clearSync(): void
  getStats(): { entryCount: number }
}

/** Ordered maps that change in one step, in the files of one folder. */
export interface Environment extends Ordered {
  openDB(options: { name: string; keyEncoding: 'binary'; encoding: 'binary' }): Ordered
  /** What happens in it happens as a whole, or not: when it throws, or the process dies. */
  transactionSync<T>(run: () => T): T
  close(): Promise<void>
}

export interface Engine {
  open(options: Readonly<Record<string, unknown>>): Environment
}

/** The version that is tested; see package.json. */
const PACKAGE = 'lmdb@3.5.6'

/**
 * The library that keeps state on disk: lmdb. Only those need it who do that, so it is loaded when it is asked for; by `require`, which leaves its
 * types out of ours.
 *
 * @throws INPUT_MISSING with what to install
 */
export function loadEngine(): Engine {
  try {
    return createRequire(import.meta.url)('lmdb') as Engine
  } catch (cause) {
    throw new MoldauError(
      'INPUT_MISSING',
      `state on disk needs the package lmdb, which could not be loaded (${firstLine(messageOf(cause))}); npm install ${PACKAGE}`,
      { cause },
    )
  }
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0]!
}

/** Opens the files of a folder, and makes them when they are not there. */
export function openEnvironment(engine: Engine, path: string): Environment {
  return engine.open({
    path,
    // A path with a dot in it would be taken for a file.
    noSubdir: false,
    keyEncoding: 'binary',
    encoding: 'binary',
    maxDbs: DATABASES_MAX,
    // What is lost with the power is in the changelog: a folder that was not closed before the machine went down is made anew.
    noSync: true,
    // Half the CPU of copying each page through malloc. Not on Windows, where the file would be as large as its address space.
    useWritemap: process.platform !== 'win32',
    noMemInit: true,
  })
}

/** Two for each store of a task, and one for what is known of them. */
const DATABASES_MAX = 512

/** Opens one of the maps of an environment. */
export function openMap(environment: Environment, name: string): Ordered {
  return environment.openDB({ name, keyEncoding: 'binary', encoding: 'binary' })
}
