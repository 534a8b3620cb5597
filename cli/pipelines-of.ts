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
    throw new MoldauError('INVALID_ARGUMENT', `cannot load ${file}: ${reason(cause)}`, { cause })
  }
}

/** With the place that Node knows: of a syntax error at the head of the stack, of code that threw in its first frame. */
function reason(cause: unknown): string {
  const message = messageOf(cause)
  if (!(cause instanceof Error)) return message
  if (message.includes("Cannot find package 'moldau'")) return `${message}; remedy: npm install moldau in the file's project`
  const head = cause.stack?.split('\n', 1)[0] ?? ''
  if (/^(file:|\/).*:\d+$/.test(head)) return `${message} (${head.replace('file://', '')})`
  const frame = /file:\/\/(\/[^)]+:\d+):\d+/.exec(cause.stack ?? '')?.[1]
  return cause instanceof MoldauError || frame === undefined ? message : `${message} (${frame})`
}
