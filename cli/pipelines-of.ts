import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Pipeline } from '../pipelines/index.ts'
import { pipelinesOf as exportedBy } from '../pipelines/pipelines-of.ts'
import { loadModule } from '../pipelines/threads/load-module.ts'

/**
 * The pipelines that a file exports.
 *
 * @throws INPUT_MISSING no such file; INVALID_ARGUMENT it cannot be loaded, with the reason; PIPELINE_INVALID it exports none
 */
export async function pipelinesOf(file: string): Promise<Pipeline[]> {
  return exportedBy(await loadModule(pathToFileURL(resolve(file)), file), file)
}
