import { MoldauError } from '../core/base/errors.ts'
import { isPipeline, type Pipeline } from './pipeline.ts'

/**
 * The pipelines that a module exports, each once, under whatever names and in lists too.
 *
 * @param names those that are asked for, in this order; default: all
 * @param file names the module in messages
 * @throws PIPELINE_INVALID it exports none, or none of a name that is asked for
 */
export function pipelinesOf(module: Readonly<Record<string, unknown>>, file: string, names?: readonly string[]): Pipeline[] {
  const pipelines = [...new Set(Object.values(module).flat().filter(isPipeline))]
  if (pipelines.length === 0) {
    throw new MoldauError(
      'PIPELINE_INVALID',
      `${file} exports no pipeline; add for example: export const job = pipeline('job').from(…).to(…)`,
    )
  }
  return names === undefined ? pipelines : names.map((name) => named(pipelines, file, name))
}

function named(pipelines: readonly Pipeline[], file: string, name: string): Pipeline {
  const found = pipelines.find((each) => each.name === name)
  if (found !== undefined) return found
  const there = pipelines.map((each) => `"${each.name}"`).join(', ')
  throw new MoldauError('PIPELINE_INVALID', `${file} exports no pipeline "${name}"; there are: ${there}`)
}
