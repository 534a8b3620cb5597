import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import test, { type ExecutionContext } from 'ava'
import { findInput } from '../../cli/demo/input.ts'
import { auditDemo } from '../support/demo-audit.ts'
import { fastavro } from '../support/fastavro.ts'
import { truthOf } from '../support/flights-truth.ts'
import { runCommand } from '../support/run-command.ts'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../..', import.meta.url))

/** Reads every Avro file below a directory with a reader that is not ours: rows and the sum of delays by day. */
const READ_LAKE = `
import sys, json, glob, os, fastavro
days = {}
for path in glob.glob(os.path.join(sys.argv[1], 'dt=*', '*.avro')):
    day = os.path.basename(os.path.dirname(path))[3:]
    rows, total = days.get(day, (0, 0))
    with open(path, 'rb') as f:
        for row in fastavro.reader(f):
            assert row['date'].strftime('%Y-%m-%d') == day, (path, row)
            rows += 1
            total += row['delay']
    days[day] = (rows, total)
print(json.dumps(days))
`

test.serial('npm run demo on three million flights gives the true values, to fastavro too', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'moldau-demo-'))
  t.teardown(() => rm(dir, { recursive: true, force: true }))
  const done = await runCommand('npm', ['run', '--silent', 'demo', '--', '--dir', dir, '--json'], { cwd: root })
  t.is(done.code, 0, done.stderr)
  const result = JSON.parse(done.stdout) as {
    ok: boolean
    verified: string
    worst: { origin: string; hour: number; n: number; mean: number }[]
  }
  t.true(result.ok)
  t.regex(result.verified, /^verified: topic flights, 6 partitions, .* 3,000,000 records in .*, each offset exactly once$/)
  const [worst] = result.worst
  t.is(worst?.origin, 'DFW')
  t.is(worst?.hour, Date.UTC(2001, 2, 11, 14))
  t.is(worst?.n, 78)
  t.is(worst?.mean.toFixed(2), '110.03')

  const { path } = findInput(undefined)
  const truth = await truthOf(path)
  t.is(truth.rows, 3_000_000)
  t.is(truth.delaySum, 20_003_603)
  t.is(truth.days.size, 182)
  t.is(truth.late.size, 193_463)
  t.deepEqual(await auditDemo(dir, truth), [])
  await readsTheSame(t, join(dir, 'lake'), truth.days)

  const { input } = JSON.parse(await readFile(join(dir, 'demo.json'), 'utf8')) as { input: string }
  t.is(input, path)
  const again = await runCommand('npm', ['run', '--silent', 'demo', '--', '--dir', dir, '--json'], { cwd: root })
  t.is(again.code, 0, again.stderr)
  t.is((JSON.parse(again.stdout) as { verified: string }).verified, result.verified, 'a finished demo proves the same again')
})

async function readsTheSame(t: ExecutionContext, lake: string, days: Map<string, { rows: number; delaySum: number }>): Promise<void> {
  const python = await fastavro(t)
  if (python === undefined) return
  const { stdout } = await run(python, ['-c', READ_LAKE, lake], { maxBuffer: 16 * 1024 * 1024 })
  const read = JSON.parse(stdout) as Record<string, [number, number]>
  t.deepEqual(read, Object.fromEntries([...days].map(([day, { rows, delaySum }]) => [day, [rows, delaySum]])))
}
