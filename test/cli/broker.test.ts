import { readFileSync, readdirSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { writeFile } from 'node:fs/promises'

import test from 'ava'

import { moldau } from '../support/run-command.ts'
import { tempDir } from '../support/start-broker.ts'
import { StartedMoldau } from '../support/start-moldau.ts'

/** Threads of libuv's pool in a process that has used it. */
function poolThreads(pid: number): number {
  const names = readdirSync(`/proc/${pid}/task`).map((task) => readFileSync(`/proc/${pid}/task/${task}/comm`, 'latin1'))
  return names.filter((name) => name.startsWith('libuv-worker')).length
}

test('a broker says where it is, is alone in its directory, and ends with 0 when asked to', async (t) => {
  const dir = join(await tempDir(t), 'made', 'when missing')
  const broker = new StartedMoldau(t, ['broker', '--port', '0', '--dir', dir])
  const [, address] = await broker.says(/^moldau broker ready at (127\.0\.0\.1:\d+), data in .*; Ctrl-C stops it\n$/)
  const env = { ...process.env, MOLDAU_BOOTSTRAP: address }
  t.is((await moldau(['produce', 'kept'], { env, input: 'x\n' })).code, 0)
  if (process.platform === 'linux') t.is(poolThreads(broker.child.pid!), 16, 'a disk that hangs leaves room for others')
  const second = await moldau(['broker', '--port', '0', '--dir', dir])
  t.is(second.code, 1)
  t.regex(
    second.stderr,
    new RegExp(`moldau: ${dir}: process ${broker.child.pid} is using it; stop that one, or give this one another folder`),
  )
  const taken = await moldau(['broker', '--port', address!.split(':')[1]!, '--dir', join(dir, 'other')])
  t.is(taken.code, 1)
  t.regex(taken.stderr, /moldau: port \d+ on 127\.0\.0\.1 is in use by another process: stop it, or choose another port/)
  const ended = await broker.end('SIGTERM')
  t.is(ended.code, 0)
  const again = new StartedMoldau(t, ['broker', '--port', address!.split(':')[1]!, '--dir', dir, '--log-level', 'warn'])
  await again.says(/ready/)
  t.is((await moldau(['consume', 'kept', '--exit'], { env })).stdout, 'x\n')
  // A clean stop left nothing to recover, and nothing to complain about.
  t.deepEqual(await again.end('SIGINT'), { code: 0, signal: null, stdout: again.stdout, stderr: '' })
})

test('a broker that cannot start says why and what to do, in one line', async (t) => {
  const dir = await tempDir(t)
  const file = join(dir, 'file')
  await writeFile(file, 'in the way')
  const refusals: [string[], RegExp][] = [
    [['-c', 'num.partition=3'], /there is no broker setting 'num\.partition'; did you mean 'num\.partitions'\?/],
    [['--dir', file], new RegExp(`^moldau: ${file}.*DIRECTORY_UNUSABLE`)],
    [['--dir', '/dev/null/data'], /^moldau: .*\/dev\/null.*DIRECTORY_UNUSABLE/],
    [['--host', '203.0.113.7'], /cannot listen on 203\.0\.113\.7:0: .*choose another host or port/],
  ]
  for (const [args, message] of refusals) {
    const done = await moldau(['broker', '--port', '0', '--dir', dir, '--log-level', 'error', ...args])
    t.is(done.code, 1, args.join(' '))
    t.regex(done.stderr, message)
    t.notRegex(done.stderr, /^ {4}at /m)
    t.is(done.stdout, '')
  }
})

test('--control lets a test in any language make the broker fail, and is off unless asked for', async (t) => {
  const dir = await tempDir(t)
  const args = ['broker', '--port', '0', '--dir', dir, '--log-level', 'silent', '--control', '0']
  const broker = new StartedMoldau(t, args)
  const [, url] = await broker.says(/^moldau control at (http:\/\/127\.0\.0\.1:\d+); anybody who reaches it can make this broker fail\n/)
  const [, address] = await broker.says(/moldau broker ready at (\S+),/)
  const rules = `${url}/rules`
  const rule = { api: 'Produce', action: 'drop-after', topic: 'once', times: 1 }
  t.is((await fetch(rules, { method: 'POST', body: JSON.stringify(rule) })).status, 201)
  const env = { ...process.env, MOLDAU_BOOTSTRAP: address }
  t.is((await moldau(['produce', 'once'], { env, input: 'x\n' })).code, 0)
  t.is((await moldau(['consume', 'once', '--exit'], { env })).stdout, 'x\n', 'sent again, and there once')
  t.like(await (await fetch(`${rules}/1`)).json(), { hits: 1, active: false })
  t.is((await broker.end('SIGTERM')).code, 0)

  const refusals: [string[], RegExp][] = [
    [['--control', '0.0.0.0:0'], /control: others than this machine reach 0\.0\.0\.0.*or give it a token/],
    [['--control', 'here'], /the port of --control must be a whole number from 0 to 65535, not 'here'/],
    [['--control', url!.slice(7).replace(/\d+$/, '70000')], /the port of --control must be/],
  ]
  for (const [more, message] of refusals) {
    const done = await moldau(['broker', '--port', '0', '--dir', dir, '--log-level', 'silent', ...more])
    t.is(done.code, 1)
    t.regex(done.stderr, message)
    t.is(done.stdout, '')
  }
  const guarded = new StartedMoldau(t, [...args.slice(0, -1), '0.0.0.0:0', '--control-token', 'secret'])
  const [, port] = await guarded.says(/control at http:\/\/0\.0\.0\.0:(\d+);/)
  const there = `http://127.0.0.1:${port}/rules`
  t.is((await fetch(there)).status, 401)
  t.is((await fetch(there, { headers: { authorization: 'Bearer secret' } })).status, 200)
  t.is((await guarded.end('SIGTERM')).code, 0)
})

test('a port that is taken by something else is named, and the directory is left as it was', async (t) => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const dir = await tempDir(t)
  const done = await moldau(['broker', '--port', String((server.address() as AddressInfo).port), '--dir', dir])
  t.is(done.code, 1)
  t.regex(done.stderr, /is in use by another process/)
  const broker = new StartedMoldau(t, ['broker', '--port', '0', '--dir', dir])
  await broker.says(/ready/)
  t.is((await broker.end('SIGTERM')).code, 0)
})
