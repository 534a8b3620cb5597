import { appendFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { connect } from '../../core/index.ts'
import { ChildBroker } from './child-broker.ts'
import { readAll, valuesOf } from './client-kit.ts'
import { ConnectWorker } from './connect-worker.ts'
import type { Teardown } from './program.ts'

export interface ConnectPlan {
  dir: string
  lines: number
  /** What is killed with -9, each time while lines are on their way. */
  kills: readonly ('worker' | 'broker')[]
  random: () => number
  log?: (line: string) => void
}

const FILE_CONNECTORS = 'org.apache.kafka.connect.file'

/**
 * Kafka Connect carries the lines of a file into a topic, exactly once, and from there into another file, at least once, while its worker and the
 * broker are killed. Returns what is wrong with topic and file; empty when they are as they shall be.
 */
export async function connectUnderKills(t: Teardown, plan: ConnectPlan): Promise<string[]> {
  const { dir, lines, kills, random, log = () => {} } = plan
  const broker = new ChildBroker(t, join(dir, 'broker'), { 'offsets.topic.num.partitions': 2, 'transaction.state.log.num.partitions': 2 })
  await broker.start()
  const client = await connect(`127.0.0.1:${broker.port}`, { retryBackoffMs: 10, retryBackoffMaxMs: 100 })
  t.teardown(() => client.close())
  await client.admin.createTopics([{ name: 'lines', partitions: 1 }])
  const [input, output] = [join(dir, 'input.txt'), join(dir, 'output.txt')]
  await writeFile(input, '')
  const worker = new ConnectWorker(t, join(dir, 'worker'), `127.0.0.1:${broker.port}`, (line) => log(`worker: ${line}`))
  await worker.start()
  await worker.put('source', {
    'connector.class': `${FILE_CONNECTORS}.FileStreamSourceConnector`,
    'tasks.max': '1',
    file: input,
    topic: 'lines',
    'batch.size': '100',
    'exactly.once.support': 'required',
    'transaction.boundary': 'poll',
  })
  await worker.put('sink', {
    'connector.class': `${FILE_CONNECTORS}.FileStreamSinkConnector`,
    'tasks.max': '1',
    file: output,
    topics: 'lines',
    'consumer.override.isolation.level': 'read_committed',
  })

  const numbered = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, i) => `line ${from + i}`)
  const inTopic = async (): Promise<(string | null)[]> => valuesOf(await readAll(client, 'lines'))
  const perLife = Math.floor(lines / (kills.length + 1))
  let written = 0
  for (const [life, what] of kills.entries()) {
    await appendFile(input, numbered(written, (written += perLife)).join('\n') + '\n')
    const wanted = life * perLife + 1 + Math.floor(random() * perLife * 0.5)
    await worker.until(`${wanted} lines are in the topic`, async () => (await inTopic()).length >= wanted)
    log(`kill the ${what}`)
    if (what === 'worker') {
      await worker.end('SIGKILL')
      await worker.start()
    } else {
      await broker.kill()
      await broker.start()
    }
  }
  await appendFile(input, numbered(written, lines).join('\n') + '\n')
  await worker.until('all lines are in the topic', async () => (await inTopic()).length >= lines)
  const all = numbered(0, lines)
  const sunk = async (): Promise<string[]> => (await readFile(output, 'utf8').catch(() => '')).split('\n').slice(0, -1)
  await worker.until('all lines are in the file', async () => {
    const there = new Set(await sunk())
    return all.every((line) => there.has(line))
  })
  const states = [...(await worker.states('source')), ...(await worker.states('sink'))]
  await worker.end('SIGTERM')

  const faults: string[] = []
  if (states.join() !== 'RUNNING,RUNNING,RUNNING,RUNNING') faults.push(`connectors and tasks are ${states.join()}`)
  const seen = await inTopic()
  const wrong = all.findIndex((line, i) => seen[i] !== line)
  if (wrong !== -1 || seen.length !== lines)
    faults.push(`${seen.length} lines in the topic; at ${wrong} ${seen.slice(wrong, wrong + 3).join(', ')}`)
  const expected = new Set(all)
  // A line that was being written when the worker was killed has no end of its own.
  const torn = (await sunk()).filter((line) => !expected.has(line))
  if (torn.length > kills.length) faults.push(`lines in the file that nobody wrote: ${torn.slice(0, 5).join(', ')}`)
  return faults
}
