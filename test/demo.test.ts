import { copyFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { auditDemo } from './support/demo-audit.ts'
import { runWithKills } from './support/demo-kills.ts'
import { truthOf } from './support/flights-truth.ts'
import { seededNumbers } from './support/seeded-numbers.ts'
import { moldau } from './support/run-command.ts'

const sample = fileURLToPath(new URL('../examples/flights/flights-sample.avro', import.meta.url))

test.serial('the demo, killed with -9 at random moments and started again, ends exact', async (t) => {
  t.timeout(120_000)
  const dir = await mkdtemp(join(tmpdir(), 'moldau-demo-'))
  t.teardown(() => rm(dir, { recursive: true, force: true }))
  const seed = Date.now() % 1_000_000
  const random = seededNumbers(seed)
  // Start-up takes about half a second, the whole of it about two: most lives end in the middle of the work.
  const lives = Array.from({ length: 4 }, () => 400 + Math.floor(random() * 1200))
  t.log(`seed ${seed}: killed after ${lives.join(', ')} ms`)
  const { verified } = await runWithKills({ dir, input: sample, lives })
  t.regex(verified, /100,000 records in .*, each offset exactly once$/)
  t.deepEqual(await auditDemo(dir, await truthOf(sample)), [])
})

test.serial('Ctrl-C ends the demo after the epoch, and the next start goes on', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'moldau-demo-'))
  t.teardown(() => rm(dir, { recursive: true, force: true }))
  const args = ['demo', '--dir', dir, '--input', sample]
  const stopped = await moldau(args, { interruptOn: /produced [1-9]/ })
  t.true(stopped.code === 130 || stopped.code === 0, stopped.stderr)
  const last = await moldau(args)
  t.is(last.code, 0, last.stderr)
  t.regex(last.stdout, /ORD +2001-01-03 17:00 UTC +43 +77\.74/)
  t.regex(last.stdout, /each offset exactly once/)
})

test.serial('a directory begun with another input is refused, and --fresh begins anew', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'moldau-demo-'))
  t.teardown(() => rm(dir, { recursive: true, force: true }))
  const copy = join(dir, 'copy.avro')
  await copyFile(sample, copy)
  t.is((await moldau(['demo', '--dir', dir, '--input', sample])).code, 0)
  const refused = await moldau(['demo', '--dir', dir, '--input', copy])
  t.is(refused.code, 1)
  t.regex(refused.stderr, /flights-sample\.avro.*copy\.avro.*--fresh/)
  const fresh = await moldau(['demo', '--dir', dir, '--input', copy, '--fresh'])
  t.is(fresh.code, 0, fresh.stderr)
})
