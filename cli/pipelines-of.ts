import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { MoldauError, messageOf } from '../core/base/errors.ts'
import { isPipeline, type Pipeline } from '../pipelines/index.ts'

/**
 * The pipelines that a module exports, each once, under whatever names and in lists too.
 *
 * @throws INPUT_MISSING no such file; INVALID_ARGUMENT it cannot be loaded, with the reason; PIPELINE_INVALID it exports none
 */
export async function pipelinesOf(file: string): Promise<Pipeline[]> {
  const path = resolve(file)
  if (!existsSync(path)) throw new MoldauError('INPUT_MISSING', `there is no file ${path}; give a .ts or .js module that exports pipelines`)
  const exported = Object.values(await load(file, pathToFileURL(path).href)).flat()
  const pipelines = [...new Set(exported.filter(isPipeline))]
  if (pipelines.length > 0) return pipelines
  throw new MoldauError(
    'PIPELINE_INVALID',
    `${file} exports no pipeline; add for example: export const job = pipeline('job').from(…).to(…)`,
  )
}

async function load(file: string, url: string): Promise<Record<string, unknown>> {
  try {
    return (await import(url)) as Record<string, unknown>
  } catch (cause) {
    throw new MoldauError('INVALID_ARGUMENT', `cannot load ${file}: ${reason(cause, file)}`, { cause })
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
