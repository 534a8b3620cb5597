import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'

import test from 'ava'

import { moldauArgs, runCommand } from '../support/run-command.ts'
import { tempDir } from '../support/start-broker.ts'
import { missing } from '../support/missing.ts'
import { StartedMoldau } from '../support/start-moldau.ts'

const text = readFileSync(new URL('../../docs/security.md', import.meta.url), 'utf8')

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })
}

test('the commands of docs/security.md lead from nothing to alice reading what she wrote', async (t) => {
  if (spawnSync('openssl', ['version']).error !== undefined) return missing(t, 'openssl', 'apt-get install openssl')
  const dir = await tempDir(t)
  const port = String(await freePort())
  const blocks = Array.from(text.matchAll(/^```sh\n([\s\S]*?)^```$/gm), ([, block]) => block!.replaceAll('9093', port))
  t.true(blocks.length >= 7)
  const start = blocks.findIndex((block) => block.startsWith('moldau broker'))
  const prelude = `moldau() { '${process.execPath}' '${moldauArgs.join("' '")}' "$@"; }\nset -e\n`
  const run = async (script: string): Promise<string> => {
    const done = await runCommand('bash', ['-c', prelude + script], { cwd: dir })
    t.is(done.code, 0, `${script}\n${done.stderr}`)
    return done.stdout
  }
  await run(blocks.slice(0, start).join('\n'))
  const args = blocks[start]!.trim()
    .split(' ')
    .slice(1)
    .map((each) => (/^\.\/|\.(properties|txt)$/.test(each) ? join(dir, each) : each))
  // Paths in server.properties are relative to where the broker starts.
  await run(`sed -i 's#=broker.pem#=${dir}/broker.pem#' server.properties`)
  const broker = new StartedMoldau(t, args)
  await broker.says(/ready at 127\.0\.0\.1/)
  const said = await run(blocks.slice(start + 1).join('\n'))
  t.regex(said, /alice +SCRAM-SHA-512 +4,096/)
  t.regex(said, /User:alice +allow +read +group +reports +prefixed +\*/)
  t.true(said.endsWith('hello\n'), said)
  const others = await runCommand(
    'bash',
    ['-c', `${prelude}export MOLDAU_COMMAND_CONFIG=alice.properties MOLDAU_BOOTSTRAP=localhost:${port}\nmoldau users`],
    { cwd: dir },
  )
  t.is(others.code, 1)
  t.regex(others.stderr, /CLUSTER_AUTHORIZATION_FAILED/)
  t.is((await broker.end('SIGTERM')).code, 0)
})
