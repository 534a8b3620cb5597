import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runCommand } from '../../test/support/run-command.ts'
import { type BenchRow, median } from '../row.ts'
import { builtPackage, root } from './package.ts'

/** How long `import { Broker } from 'moldau/core'` and Broker.start take, in processes of their own. */

const ROUNDS = 7

const script = `const start = performance.now()
  const { Broker } = await import('moldau/core')
  const broker = await Broker.start({ dir: process.argv[1] })
  console.log(performance.now() - start)
  await broker.close()`

/** From the TypeScript sources, as in this repository, and from the package, as npm installs it. */
export async function readyRows(): Promise<BenchRow[]> {
  const installed = await builtPackage()
  const sources: number[] = []
  const built: number[] = []
  for (let round = -1; round < ROUNDS; round++) {
    const fromSources = await readyMs(root, ['--conditions=moldau-source'])
    const fromPackage = await readyMs(installed, [])
    if (round < 0) continue // the first round reads the files into the page cache
    sources.push(fromSources)
    built.push(fromPackage)
  }
  return [rowOf('from the sources', sources), rowOf('from the package', built)]
}

async function readyMs(cwd: string, nodeArgs: readonly string[]): Promise<number> {
  const dir = await mkdtemp(join(tmpdir(), 'moldau-bench-'))
  try {
    const done = await runCommand(process.execPath, [...nodeArgs, '--input-type=module', '-e', script, dir], { cwd })
    if (done.code !== 0) throw new Error(done.stderr)
    return Number(done.stdout)
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

function rowOf(from: string, times: readonly number[]): BenchRow {
  return {
    row: `embedded broker ready, with imports, ${from}`,
    unit: 'ms',
    ours: median(times),
    peer: null,
    ratio: null,
    target: 300,
    better: 'lower',
  }
}
