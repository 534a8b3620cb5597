import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

import test, { type ExecutionContext } from 'ava'

import { ChildBroker } from '../support/child-broker.ts'
import { tempDir } from '../support/start-broker.ts'
import { createTopic } from '../support/wire.ts'
import { until } from '../support/until.ts'

const PARTITIONS = 4
const present = spawnSync('kcat', ['-V']).status === 0

/** A balanced consumer: `kcat -G`. */
class Kcat {
  readonly lines: string[]
  readonly assigned: string[]
  readonly #child: ChildProcess

  constructor(t: ExecutionContext, port: number, options: readonly string[] = []) {
    this.lines = []
    this.assigned = []
    const args = [
      '-b',
      `127.0.0.1:${port}`,
      '-u',
      '-E',
      '-G',
      'g',
      '-X',
      'auto.offset.reset=earliest',
      '-X',
      'session.timeout.ms=10000',
      '-X',
      'auto.commit.interval.ms=1000',
      ...options,
      '-f',
      '%p:%o:%s\n',
      'a',
    ]
    this.#child = spawn('kcat', args, { stdio: ['ignore', 'pipe', 'pipe'] })
    createInterface(this.#child.stdout!).on('line', (line) => this.lines.push(line))
    createInterface(this.#child.stderr!).on('line', (line) => this.#note(line))
    t.teardown(() => this.#child.kill('SIGKILL'))
  }

  #note(line: string): void {
    if (line.includes('rebalanced')) this.assigned.push(line.includes('assigned:') ? line.slice(line.indexOf('assigned:')) : 'revoked')
  }

  get partitions(): number {
    return this.assigned.at(-1)?.match(/\[\d+\]/g)?.length ?? 0
  }

  async stop(signal: NodeJS.Signals): Promise<void> {
    this.#child.kill(signal)
    await once(this.#child, 'exit')
  }
}

function produce(port: number, from: number, count: number): void {
  const input = Array.from({ length: count }, (_, i) => `${from + i}:${from + i}`).join('\n')
  spawnSync('kcat', ['-b', `127.0.0.1:${port}`, '-P', '-t', 'a', '-K', ':', '-X', 'enable.idempotence=true'], { input })
}

test('kcat -G: members share the partitions, take over from each other, and nothing is left out', async (t) => {
  if (!present) return void t.pass('kcat is not installed; skipped')
  const broker = new ChildBroker(t, await tempDir(t))
  await broker.start()
  await createTopic(await broker.open(), 'a', PARTITIONS)
  produce(broker.port, 0, 1000)

  const one = new Kcat(t, broker.port)
  await until('the first reads everything', () => one.lines.length === 1000)
  t.is(one.partitions, PARTITIONS)

  const two = new Kcat(t, broker.port)
  await until('they share', () => one.partitions === 2 && two.partitions === 2)
  produce(broker.port, 1000, 1000)
  await until('both read', () => one.lines.length + two.lines.length === 2000)
  t.true(two.lines.length > 0)

  await two.stop('SIGTERM')
  await until('the first takes over at once', () => one.partitions === PARTITIONS)
  t.is(new Set([...one.lines, ...two.lines]).size, 2000)
  t.is(one.lines.length + two.lines.length, 2000, 'who leaves commits what it has read')

  await broker.kill()
  await broker.start()
  produce(broker.port, 2000, 1000)
  const seen = (): Set<string> => new Set([...one.lines, ...two.lines])
  await until('the first reads on after the broker was killed', () => seen().size === 3000)
  await one.stop('SIGKILL')

  const three = new Kcat(t, broker.port)
  await until('a third is let in when the session of the killed one is over', () => three.partitions === PARTITIONS)
  produce(broker.port, 3000, 10)
  await until('it goes on where the others stopped', () => three.lines.some((line) => line.endsWith(':3009')))
  t.is(new Set([...seen(), ...three.lines]).size, 3010)
})

test('kcat -G with group.instance.id comes back without a rebalance', async (t) => {
  if (!present) return void t.pass('kcat is not installed; skipped')
  const broker = new ChildBroker(t, await tempDir(t))
  await broker.start()
  await createTopic(await broker.open(), 'a', PARTITIONS)
  const [one, two] = ['one', 'two'].map((id) => new Kcat(t, broker.port, ['-X', `group.instance.id=${id}`])) as [Kcat, Kcat]
  await until('they share', () => one.partitions === 2 && two.partitions === 2)
  const rebalances = one.assigned.length
  await two.stop('SIGKILL')
  const again = new Kcat(t, broker.port, ['-X', 'group.instance.id=two'])
  await until('it has its partitions back', () => again.partitions === 2)
  t.is(again.assigned.at(-1), two.assigned.at(-1))
  t.is(one.assigned.length, rebalances)
})
