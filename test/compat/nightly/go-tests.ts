import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

import { goTool } from '../../support/go.ts'

export interface GoTests {
  readonly cwd: string
  readonly env: NodeJS.ProcessEnv
  /** Package and flags. */
  readonly args: readonly string[]
  /** Shows what those say that pass, too. */
  readonly verbose: boolean
}

/** Runs the tests of somebody's Go package, and prints what fails. Answers how to end the process when all is put away: with the counts. */
export async function goTests({ cwd, env, args, verbose }: GoTests): Promise<() => never> {
  const tests = spawn(await goTool(), ['test', '-count=1', '-v', '-timeout=60m', ...args], {
    cwd,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let passed = 0
  let failed = 0
  createInterface(tests.stdout).on('line', (line) => {
    const end = /^ *--- (PASS|FAIL|SKIP): /.exec(line)
    if (end?.[1] === 'PASS') passed++
    if (end?.[1] === 'FAIL') failed++
    // Of those that pass nothing is to be said.
    if (verbose || end?.[1] === 'FAIL' || /^ +\w+_test\.go:|^panic|^FAIL|^ok/.test(line)) console.log(line)
  })
  const [code] = (await once(tests, 'close')) as [number | null]
  return () => {
    console.log(`${passed} passed, ${failed} failed`)
    process.exit(code === 0 ? 0 : 1)
  }
}
