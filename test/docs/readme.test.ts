import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

import test from 'ava'

import { typeErrors } from '../support/type-errors.ts'

const root = join(import.meta.dirname, '../..')
const pages = ['README.md', ...globSync('docs/**/*.md', { cwd: root })]
const textOf = (page: string): string => readFileSync(join(root, page), 'utf8')

/** Folders that are no part of the repository. */
const FOREIGN = new Set(['dist', 'node_modules', 'data', 'moldau-demo'])

/** What snippets leave out: it is in the example that the page points to. */
const PRELUDE = `
import { flight } from '../../examples/flights/schemas.ts'
import { delaysHourly } from '../../examples/flights/jobs.ts'
`

test('README names every top-level folder', (t) => {
  const table = textOf('README.md').split('## What is where')[1]!
  const named = [...table.matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name)
  const there = readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.') && !FOREIGN.has(entry.name))
    .map(({ name }) => name)
  t.deepEqual(
    there.filter((name) => !named.includes(name) && name !== 'bin' /* one file, the command */),
    [],
    'folders that README does not name',
  )
  t.deepEqual(
    named.filter((name) => !there.includes(name!)),
    [],
    'folders that README names and that are not there',
  )
})

test('every script and sub-command that the pages name exists', (t) => {
  const { scripts } = JSON.parse(textOf('package.json')) as { scripts: Record<string, string> }
  const commands = globSync('cli/**/*.ts', { cwd: root }).flatMap((file) =>
    [...textOf(file).matchAll(/new Command\('([\w-]+)'\)|\.command\('([\w-]+)/g)].map(([, made, added]) => made ?? added),
  )
  for (const page of pages) {
    const text = textOf(page)
    for (const [, script] of text.matchAll(/npm run ([\w:-]+)/g)) t.true(script! in scripts, `${page}: npm run ${script}`)
    for (const [, command, second] of text.matchAll(/(?:npx moldau|npm run moldau --|`moldau|^ {4}moldau) ([a-z]+)(?: ([a-z]+))?/gm)) {
      t.true(commands.includes(command), `${page}: moldau ${command}`)
      if (command === 'hdfs' && second !== undefined) t.true(commands.includes(second), `${page}: moldau hdfs ${second}`)
    }
  }
  const table = [...textOf('README.md').matchAll(/^\| ((?:`[a-z]+[^`]*`(?:, )?)+) \|/gm)].map(([, cell]) => cell!).join()
  for (const command of readdirSync(join(root, 'cli/commands'))) t.regex(table, new RegExp(`\`${command.replace('.ts', '')}\\b`))
})

test('every relative link leads to a file', (t) => {
  for (const page of pages) {
    for (const [, link] of textOf(page).matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)) {
      if (!/^[a-z]+:/.test(link!)) t.true(existsSync(join(root, dirname(page), link!)), `${page}: ${link}`)
    }
  }
})

test('every file of the repository that the pages name exists', (t) => {
  for (const page of pages) {
    for (const [, file] of textOf(page).matchAll(/`((?:core|connectors|pipelines|cli|examples|test|bench|docs)\/[\w./-]*\w)`/g))
      t.true(existsSync(join(root, file!)), `${page}: ${file}`)
  }
})

test('snippets that begin with an import type-check', async (t) => {
  const files: string[] = []
  for (const page of pages) {
    for (const [, snippet] of textOf(page).matchAll(/^```ts\n(import [^]*?)^```/gm)) {
      const names = PRELUDE.split('\n').filter((line) => {
        const name = /\{ (\w+) \}/.exec(line)?.[1]
        return name !== undefined && new RegExp(`\\b${name}\\b`).test(snippet!) && !new RegExp(`const ${name}\\b`).test(snippet!)
      })
      files.push([...names, snippet].join('\n'))
    }
  }
  t.true(files.length > 0)
  t.deepEqual(await typeErrors(t, files), [])
})
