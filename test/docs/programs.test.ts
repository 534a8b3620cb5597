import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdir, mkdtemp, rm, rmdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

import test from 'ava'

import { startControl } from '../../core/testing/index.ts'
import { startBroker } from '../support/start-broker.ts'

const run = promisify(execFile)
const root = join(import.meta.dirname, '../..')

interface Block {
  language: string
  text: string
}

/** The code blocks of a page, in order. */
function blocksOf(page: string): Block[] {
  const text = readFileSync(join(root, page), 'utf8')
  return Array.from(text.matchAll(/^```(\w+)\n([^]*?)^```/gm), ([, language, code]) => ({ language: language!, text: code! }))
}

/** Blocks of `language` with what stands below them as their output. */
function withOutput(page: string, language: string, output: string): { code: string; expected: string }[] {
  const blocks = blocksOf(page)
  return blocks.flatMap(({ language: found, text: code }, i) => {
    const next = blocks[i + 1]
    return found === language && next?.language === output ? [{ code, expected: next.text }] : []
  })
}

for (const page of ['docs/testing.md', 'docs/observe.md']) {
  for (const [i, { code, expected }] of withOutput(page, 'ts', 'text').entries()) {
    test(`program ${i + 1} of ${page} prints what the page says`, async (t) => {
      // Inside the repository, so that it finds `moldau/core` as a user's program does.
      await mkdir(join(root, 'data'), { recursive: true })
      const dir = await mkdtemp(join(root, 'data/program-'))
      t.teardown(async () => {
        await rm(dir, { recursive: true, force: true })
        await rmdir(join(root, 'data')).catch(() => undefined)
      })
      await writeFile(join(dir, 'program.ts'), code)
      const { stdout, stderr } = await run(process.execPath, ['--conditions=moldau-source', 'program.ts'], { cwd: dir })
      t.is(stderr, '')
      t.is(stdout, expected)
    })
  }
}

test('the requests of docs/testing.md are answered as the page says', async (t) => {
  const [{ code, expected }] = withOutput('docs/testing.md', 'sh', 'json') as [{ code: string; expected: string }]
  const broker = await startBroker(t, { port: null })
  const { url } = await startControl(broker)
  const answers: unknown[] = []
  for (const line of code.trim().split('\n')) {
    const [, method = 'POST', path, body] = /^curl -s (?:-X (\w+) )?127\.0\.0\.1:9644(\S+)(?: -d '(.*)')?$/.exec(line)!
    const answer = await fetch(`${url}${path}`, { method, ...(body !== undefined && { body }) })
    t.true(answer.ok, line)
    answers.push(await answer.json())
  }
  t.deepEqual(
    answers,
    expected
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown),
  )
})

test('the tests of examples/faults pass', async (t) => {
  const args = ['--conditions=moldau-source', '--test', '--test-reporter=tap', 'examples/faults/client.test.ts']
  const { stdout } = await run(process.execPath, args, { cwd: root, env: { ...process.env, NODE_TEST_CONTEXT: undefined } })
  t.regex(stdout, /^# pass 5$/m)
  t.regex(stdout, /^# fail 0$/m)
})
