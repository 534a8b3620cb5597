import { existsSync } from 'node:fs'
import { isAbsolute } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { MoldauError, messageOf } from '../../core/base/errors.ts'

/**
 * The URL of a module that threads are to import.
 *
 * @param what names the call in messages: `run(module)`
 * @throws INVALID_ARGUMENT when it is no file: URL and no absolute path, for a relative one means another file in each place
 */
export function moduleUrl(what: string, module: string | URL): URL {
  if (module instanceof URL || module.startsWith('file:')) {
    const url = new URL(module)
    if (url.protocol === 'file:') return url
  } else if (isAbsolute(module)) return pathToFileURL(module)
  throw new MoldauError(
    'INVALID_ARGUMENT',
    `${what}: '${String(module)}' is no file: URL; write import.meta.resolve('./jobs.ts'), which is the same file for every thread`,
  )
}

/**
 * Imports a module of the user's.
 *
 * @param name how messages call it; default: its path
 * @throws INPUT_MISSING no such file; INVALID_ARGUMENT it cannot be loaded, with the reason and the place
 */
export async function loadModule(url: URL, name = fileURLToPath(url)): Promise<Readonly<Record<string, unknown>>> {
  const path = fileURLToPath(url)
  if (!existsSync(path)) throw new MoldauError('INPUT_MISSING', `there is no file ${path}; give a .ts or .js module that exports pipelines`)
  try {
    return (await import(url.href)) as Record<string, unknown>
  } catch (cause) {
    throw new MoldauError('INVALID_ARGUMENT', `cannot load ${name}: ${reason(cause, name)}`, { cause })
  }
}

/** With the place, where Node tells it: of a syntax error at the head of the stack, of code that threw in its first frame. */
function reason(cause: unknown, file: string): string {
  const message = messageOf(cause)
  if (!(cause instanceof Error) || cause instanceof MoldauError) return message
  if (message.includes("Cannot find package 'moldau'")) return `${message}; remedy: npm install moldau in the file's project`
  const stack = cause.stack ?? ''
  const place = /^(?:file:\/\/)?(\/.*:\d+)\n/.exec(stack)?.[1] ?? /\(?file:\/\/(\/[^\n]+?:\d+):\d+\)?\n/.exec(stack)?.[1]
  if (place !== undefined) return `${message} (${place})`
  return cause instanceof SyntaxError ? `${message}; 'node --check ${file}' shows where` : message
}
