import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

import type { ExecutionContext } from 'ava'

const run = promisify(execFile)
const home = join(tmpdir(), 'moldau-compat')
const script = fileURLToPath(new URL('confluent_consumer.py', import.meta.url))

/** A python with confluent-kafka, whose librdkafka speaks the new group protocol; made on first use. */
export function confluentKafka(): Promise<string> {
  return pythonWith(
    'confluent-kafka',
    'confluent-kafka>=2.10',
    'import confluent_kafka; assert confluent_kafka.libversion()[1] >= 0x020a0000',
  )
}

/** The same with its serializers for a schema registry. */
export function confluentAvro(): Promise<string> {
  return pythonWith('confluent-avro', 'confluent-kafka[avro,schemaregistry]>=2.10', 'import confluent_kafka.schema_registry.avro')
}

async function pythonWith(name: string, requirement: string, probe: string): Promise<string> {
  const venv = join(home, name)
  const python = join(venv, 'bin/python')
  if (existsSync(python)) {
    const works = await run(python, ['-c', probe]).then(
      () => true,
      () => false,
    )
    if (works) return python
  }
  mkdirSync(home, { recursive: true })
  await run('python3', ['-m', 'venv', venv])
  await run(join(venv, 'bin/pip'), ['install', '--quiet', requirement])
  await run(python, ['-c', probe])
  return python
}

/** A consumer in a process of its own; killed with the test when it is still there. */
export class ConfluentConsumer {
  /** `partition offset value` of all that it has read, in order. */
  readonly read: string[]
  readonly errors: string[]
  assigned: string[]
  /** How often it was told another assignment. */
  assignments: number
  readonly #child: ChildProcess

  constructor(
    t: ExecutionContext,
    python: string,
    port: number,
    configuration: Readonly<Record<string, string | number>>,
    topics: readonly string[],
  ) {
    this.read = []
    this.errors = []
    this.assigned = []
    this.assignments = 0
    const args = [script, `127.0.0.1:${port}`, JSON.stringify(configuration), ...topics]
    this.#child = spawn(python, args, { stdio: ['ignore', 'pipe', 'ignore'] })
    createInterface(this.#child.stdout!).on('line', (line) => this.#note(line))
    t.teardown(() => this.#child.kill('SIGKILL'))
  }

  #note(line: string): void {
    const [kind, ...words] = line.split(' ')
    if (kind === 'read') this.read.push(words.join(' '))
    else if (kind === 'error') this.errors.push(words.join(' '))
    else if (kind === 'assigned') {
      this.assigned = words.filter((word) => word !== '')
      this.assignments++
    }
  }

  async stop(how: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    this.#child.kill(how)
    await once(this.#child, 'exit')
  }
}
