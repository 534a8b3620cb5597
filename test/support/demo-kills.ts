import { spawn } from 'node:child_process'
import { setTimeout as wait } from 'node:timers/promises'
import { moldau, moldauArgs } from './run-command.ts'

export interface KillPlan {
  dir: string
  input: string
  /** How long each run may live before kill -9, in milliseconds; one run for each. */
  lives: readonly number[]
  onKill?: (run: number, lived: number) => void
}

/** Runs the demo, kills it with -9 after each of the given lives, then lets it run to its end and returns what it printed as JSON. */
export async function runWithKills(plan: KillPlan): Promise<{ verified: string } & Record<string, unknown>> {
  const args = ['demo', '--dir', plan.dir, '--input', plan.input, '--json']
  for (const [run, life] of plan.lives.entries()) {
    const child = spawn(process.execPath, [...moldauArgs, ...args], { stdio: 'ignore' })
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
    await Promise.race([wait(life), ended])
    child.kill('SIGKILL')
    await ended
    plan.onKill?.(run, life)
  }
  const last = await moldau(args)
  if (last.code !== 0) throw new Error(`the last run of the demo ended with ${last.code ?? last.signal}: ${last.stderr}`)
  return JSON.parse(last.stdout) as { verified: string } & Record<string, unknown>
}
