import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import test from 'ava'
import { systemProcesses } from '../../core/base/lock.ts'

// A shell that starts a child and then becomes a program that never asks how the child ended: the child stays behind as a zombie.
const script = 'sleep 100 & echo $!; exec sleep 100'

const linux = process.platform === 'linux' ? test : test.skip

linux('a process killed with -9 holds nothing, though its parent has not asked for it yet', async (t) => {
  const parent = spawn('sh', ['-c', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => parent.kill())
  const pid = Number(await new Promise<string>((resolve) => parent.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString()))))
  const stat = () => readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]!.split(' ')
  const holder = { pid, started: stat()[19]! }
  t.true(systemProcesses.alive(holder))
  t.false(systemProcesses.alive({ pid, started: '1' }), 'a later process with the same number is another one')
  process.kill(pid, 'SIGKILL')
  t.false(systemProcesses.alive(holder))
  t.is(stat()[0], 'Z')
})

test('a process that lives is alive', (t) => {
  t.true(systemProcesses.alive(systemProcesses.self()))
})
