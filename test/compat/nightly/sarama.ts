/**
 * The functional tests of the client sarama (of the version in test/compat/go/go.mod) against our broker, behind Toxiproxy, with which they cut
 * connections. They were written for five brokers: here all five names lead to the one, and topics have one replica. README.md
 * says what is left out, and why.
 *
 *   npx node --conditions=moldau-source test/compat/nightly/sarama.ts [--run REGEXP] [--verbose]
 */
import { execFile, spawn } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs, promisify } from 'node:util'

import { ChildBroker } from '../../support/child-broker.ts'
import { goModule, goTool } from '../../support/go.ts'
import { freePort } from '../../support/start-kafka.ts'
import { goTests } from './go-tests.ts'

const { values } = parseArgs({
  options: {
    run: { type: 'string', default: 'Func|^TestConsumer|^TestVersionMatrix|^TestInterceptors|^TestAsyncProducerRemote|^TestJava' },
    verbose: { type: 'boolean', default: false },
  },
})
const TOXIPROXY = '2.12.0'
/** What is said of the brokers in the tests, and what is true here. */
const ONE_BROKER: readonly (readonly [RegExp, string])[] = [
  [/ReplicationFactor: 3\b/g, 'ReplicationFactor: 1'],
  [/len\(partition\.Isr\) != 3/g, 'len(partition.Isr) != 1'],
  [/fmt\.Sprintf\("127\.0\.0\.1:%d", 29090\+i\)/g, 'proxy.ListenAddr'],
]

/** Tests that stop brokers by Docker, or want a second one. */
const CANNOT = [
  'TestFuncAdminListConsumerGroupOffsets$',
  'TestFuncTxnProduceWithBrokerFailure',
  'TestFuncIdempotentBufferedSequence',
  'TestConsumerFetchFollowerFailover',
  'TestFuncAdminAlterPartitionReassignments',
  'TestFuncAdminDescribeLogDirs',
]

const run = promisify(execFile)
const dir = await mkdtemp(join(tmpdir(), 'moldau-sarama-'))
const ends: (() => unknown)[] = [() => rm(dir, { recursive: true, force: true })]
const go = await goTool()

const bin = join(tmpdir(), 'moldau-compat', `toxiproxy-${TOXIPROXY}`)
await run(go, ['install', `github.com/Shopify/toxiproxy/v2/cmd/server@v${TOXIPROXY}`], { env: { ...process.env, GOBIN: bin } })
const control = `127.0.0.1:${await freePort()}`
const toxiproxy = spawn(join(bin, 'server'), ['-host', '127.0.0.1', '-port', control.split(':')[1]!], { stdio: 'ignore' })
ends.push(() => toxiproxy.kill())

const port = await freePort()
const proxies: string[] = []
for (let id = 1; id <= 5; id++) proxies.push(await addProxy(`kafka${id}`, `127.0.0.1:${port}`))
const broker = new ChildBroker({ teardown: (end) => void ends.unshift(end) }, join(dir, 'data'), {
  durability: 'page-cache',
  'auto.create.topics.enable': 'false',
  'advertised.listeners': `PLAINTEXT://${proxies[0]}`,
})
broker.port = port
await broker.start()

const source = (await run(go, ['list', '-m', '-f={{.Dir}}', 'github.com/IBM/sarama'], { cwd: goModule })).stdout.trim()
const chosen = [`-run=${values.run}`, `-skip=${CANNOT.join('|')}`]
const env = { ...process.env, TOXIPROXY_ADDR: `http://${control}`, KAFKA_VERSION: '4.3.1' }
const finish = await goTests({ cwd: await copyOf(source), env, args: ['-tags=functional', ...chosen, '.'], verbose: values.verbose })
for (const end of ends.toReversed()) await end()
finish()

/** The address of a way through Toxiproxy, which may still have to start. */
async function addProxy(name: string, upstream: string): Promise<string> {
  const body = JSON.stringify({ name, listen: '127.0.0.1:0', upstream, enabled: true })
  for (let tries = 0; ; tries++) {
    try {
      const answer = await fetch(`http://${control}/proxies`, { method: 'POST', body })
      return ((await answer.json()) as { listen: string }).listen
    } catch (error) {
      if (tries === 100) throw error
      await sleep(50)
    }
  }
}

/** A copy of sarama with {@link ONE_BROKER} in its tests: where modules are kept nothing may be changed. */
async function copyOf(from: string): Promise<string> {
  const to = join(dir, 'sarama')
  for (const entry of await readdir(from, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    const copy = join(to, relative(from, path))
    await mkdir(dirname(copy), { recursive: true })
    const text = await readFile(path)
    const isTest = entry.name.startsWith('functional_')
    await writeFile(copy, isTest ? ONE_BROKER.reduce((all, [said, here]) => all.replaceAll(said, here), text.toString()) : text)
  }
  return to
}
