import { createRequire } from 'node:module'
import { MoldauError, messageOf } from '../base/errors.ts'

/** Loads a native compression package when it is first needed: most programs never do. INPUT_MISSING names the remedy. */
export function loadNativeCodec<T>(packageName: string): T {
  try {
    return createRequire(import.meta.url)(packageName) as T
  } catch (error) {
    throw new MoldauError(
      'INPUT_MISSING',
      `the package ${packageName} cannot be loaded on this machine (${messageOf(error)}): install it, or use compression gzip or zstd`,
      { cause: error },
    )
  }
}
