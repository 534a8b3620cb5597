import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

import test from 'ava'
import type { ExecutionContext } from 'ava'

import { connect } from '../../core/index.ts'
import { startControl } from '../../core/testing/index.ts'
import { folderInRepo } from '../support/folder-in-repo.ts'
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

/** A folder inside the repository with `program.ts`, so that it finds `moldau/core` as a user's program does. */
async function programFolder(t: ExecutionContext, code: string): Promise<string> {
  const dir = await folderInRepo(t, 'program')
  await writeFile(join(dir, 'program.ts'), code)
  return dir
}

const programArgs = ['--conditions=moldau-source', 'program.ts']

const pages = readdirSync(join(root, 'docs/pipelines'), { recursive: true }).flatMap((name) => {
  return String(name).endsWith('.md') ? `docs/pipelines/${String(name)}` : []
})

for (const page of ['docs/client.md', 'docs/testing.md', 'docs/observe.md', ...pages.toSorted()]) {
  for (const [i, { code, expected }] of withOutput(page, 'ts', 'text').entries()) {
    test(`program ${i + 1} of ${page} prints what the page says`, async (t) => {
      const { stdout, stderr } = await run(process.execPath, programArgs, { cwd: await programFolder(t, code) })
      t.is(stderr, '')
      t.is(stdout, expected)
    })
  }
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test(`the clean stop of docs/client.md: at ${signal} the program ends well, has committed what it has done, and has left the group`, async (t) => {
    const broker = await startBroker(t, { config: { 'group.initial.rebalance.delay.ms': 0 } })
    const client = await connect(broker)
    t.teardown(() => client.close())
    await client.admin.createTopics([{ name: 'orders', partitions: 2 }])
    const { text } = blocksOf('docs/client.md').find(({ text: code }) => code.includes('AbortController'))!
    const cwd = await programFolder(t, text.replace('kafka-1:9092', broker.bootstrap))
    const child = spawn(process.execPath, programArgs, { cwd })
    t.teardown(() => child.kill('SIGKILL'))
    const [said, complaints] = [[] as Buffer[], [] as Buffer[]]
    child.stdout.on('data', (chunk: Buffer) => said.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => complaints.push(chunk))
    const ended = once(child, 'close')
    // It is in the middle of its work when the signal comes.
    const producer = client.producer({ lingerMs: 0 })
    let isTold = false
    for (let n = 0; child.exitCode === null && child.signalCode === null; n++) {
      await producer.send({ topic: 'orders', partition: n % 2, value: String(n) })
      // A second signal would end it at once.
      if (said.length > 20 && !isTold) isTold = child.kill(signal)
    }
    await ended
    t.is(Buffer.concat(complaints).toString(), '')
    t.deepEqual([child.exitCode, child.signalCode], [0, null])
    const billed = Array.from(
      Buffer.concat(said)
        .toString()
        .matchAll(/^billed (\d+)$/gm),
      ([, n]) => Number(n),
    )
    const committed = await client.admin.listConsumerGroupOffsets('billing')
    const done = committed.flatMap(({ partition, offset }) => Array.from({ length: offset }, (_, i) => 2 * i + partition))
    t.true(done.length > 0)
    t.deepEqual(
      billed.toSorted((a, b) => a - b),
      done.toSorted((a, b) => a - b),
    )
    const [group] = await client.admin.describeConsumerGroups(['billing'])
    t.deepEqual(group!.members, [])
  })
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

const exampleTests: [file: string, tests: number][] = [
  ['examples/faults/client.test.ts', 5],
  ['examples/flights/jobs.test.ts', 4],
]
for (const [file, tests] of exampleTests) {
  test(`the tests of ${file} pass`, async (t) => {
    const args = ['--conditions=moldau-source', '--test', '--test-reporter=tap', file]
    const { stdout } = await run(process.execPath, args, { cwd: root, env: { ...process.env, NODE_TEST_CONTEXT: undefined } })
    t.regex(stdout, new RegExp(`^# pass ${tests}$`, 'm'))
    t.regex(stdout, /^# fail 0$/m)
  })
}
