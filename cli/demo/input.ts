import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'
import { MoldauError } from '../../core/base/errors.ts'
import { packageFile } from '../package-file.ts'

export interface DemoInput {
  path: string
  /** What the person should know about it, on one line. */
  note: string
  /** How to get more than the sample. */
  remedy?: string
}

const dataset = 'vega-datasets'
const wanted = `${dataset}/data/flights-3m.parquet`

/** The flights to replay: the file asked for, else the three million of npm's vega-datasets where installed, else the sample that ships. */
export function findInput(asked: string | undefined): DemoInput {
  if (asked !== undefined) {
    const path = resolve(asked)
    if (existsSync(path)) return { path, note: `input: ${path}` }
    throw new MoldauError(
      'INPUT_MISSING',
      `--input ${asked}: there is no such file; give a .parquet or .avro file of flights, or leave --input out`,
    )
  }
  for (const from of [join(process.cwd(), 'package.json'), packageFile('package.json')]) {
    const path = installed(from)
    if (path !== undefined) return { path, note: 'input: 3,000,000 US flights, January to June 2001 (npm vega-datasets)' }
  }
  const path = packageFile('examples/flights/flights-sample.avro')
  const remedy = `This was the sample of 100,000 flights. For all 3,000,000: npm install ${dataset}@3.2.1, then the demo with --fresh`
  return { path, note: 'input: the sample of 100,000 flights that ships with moldau', remedy }
}

/** The dataset's package exports no data files, so its folder is looked for, not its module. */
function installed(from: string): string | undefined {
  return createRequire(from)
    .resolve.paths(dataset)
    ?.map((folder) => join(folder, wanted))
    .find((path) => existsSync(path))
}
