import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

import { confluentKafka } from './confluent-kafka.ts'
import { goModule, goTool } from './go.ts'
import { Program, type Teardown } from './program.ts'

/**
 * A client of somebody else's as a program, with commands that are the same for all of them:
 *
 * - `produce TOPIC PARTITIONS FROM TO`: numbered records, in order, number n to partition n % PARTITIONS, with the number as key, value and
 *   header `n`; idempotent and compressed where the client can. Ends when all are acknowledged.
 * - `consume TOPIC GROUP`: a member of a group that says `read TOPIC-PARTITION OFFSET VALUE` and commits, until SIGTERM, when it leaves.
 * - `copy IN OUT GROUP TRANSACTIONAL_ID`: copies values, partition by partition, in transactions that hold the group's offsets; every fifth is
 *   aborted and copied again. Says `copied COUNT`. Ends with an error when it cannot know what became of a transaction: then another one is
 *   to be started.
 */
export interface ClientProgram {
  readonly name: string
  /** A group's session that the client can be told; it must not be shorter than the broker allows. */
  start(
    t: Teardown,
    bootstrap: string,
    command: 'produce' | 'consume' | 'copy',
    args: readonly (string | number)[],
    onLine?: (line: string) => void,
  ): Program
}

const run = promisify(execFile)
const cache = join(tmpdir(), 'moldau-compat')
const compat = join(import.meta.dirname, '../compat')

/** Exact versions: what was tested. */
const JS_PACKAGES = ['kafkajs@2.2.4', '@platformatic/kafka@2.12.1']

/** How each client is had; a function throws where it cannot be. */
export const clientPrograms = {
  'confluent-kafka': async (): Promise<ClientProgram> => {
    const python = await confluentKafka()
    return program('confluent-kafka', python, [join(compat, 'programs/confluent.py')])
  },
  kafkajs: () => jsClient('kafkajs'),
  '@platformatic/kafka': () => jsClient('@platformatic/kafka'),
  'franz-go': () => goClient('franz-go'),
  sarama: () => goClient('sarama'),
  segmentio: () => goClient('segmentio'),
} as const

export type ClientName = keyof typeof clientPrograms

function program(name: string, command: string, before: readonly string[], env: Readonly<Record<string, string>> = {}): ClientProgram {
  return {
    name,
    start: (t, bootstrap, what, args, onLine) =>
      new Program(t, command, [...before, bootstrap, what, ...args.map(String)], onLine, { env: { ...process.env, ...env } }),
  }
}

async function jsClient(name: 'kafkajs' | '@platformatic/kafka'): Promise<ClientProgram> {
  const folder = await jsPackages()
  const env = { JS_CLIENTS: folder, KAFKAJS_NO_PARTITIONER_WARNING: '1' }
  return program(name, process.execPath, [join(compat, 'programs/js-client.ts'), name], env)
}

/** The folder with the clients of JavaScript; fetched at the first use. */
export async function jsPackages(): Promise<string> {
  const place = join(cache, `js-clients-${digest(JS_PACKAGES.join())}`)
  if (existsSync(place)) return place
  return made(place, async (fresh) => {
    await writeFile(join(fresh, 'package.json'), '{"private": true}')
    await run('npm', ['install', '--no-audit', '--no-fund', '--save-exact', ...JS_PACKAGES], { cwd: fresh, timeout: 300_000 })
  })
}

async function goClient(name: 'franz-go' | 'sarama' | 'segmentio'): Promise<ClientProgram> {
  const texts = await Promise.all((await readdir(goModule)).toSorted().map((file) => readFile(join(goModule, file), 'utf8')))
  const place = join(cache, `go-clients-${digest(texts.join())}`)
  if (!existsSync(place)) {
    const go = await goTool()
    await made(place, (fresh) => run(go, ['build', '-o', join(fresh, 'goclients'), '.'], { cwd: goModule, timeout: 600_000 }))
  }
  return program(name, join(place, 'goclients'), [name])
}

const digest = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 8)

/** A folder that is there whole or not at all: it is made under another name. */
async function made(place: string, fill: (fresh: string) => Promise<unknown>): Promise<string> {
  await mkdir(cache, { recursive: true })
  const fresh = await mkdtemp(join(cache, 'make-'))
  try {
    await fill(fresh)
    // Another process may have been quicker.
    await rename(fresh, place).catch((error: unknown) => {
      if (!existsSync(place)) throw error
    })
  } finally {
    await rm(fresh, { recursive: true, force: true })
  }
  return place
}
