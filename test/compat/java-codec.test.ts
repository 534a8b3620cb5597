import test from 'ava'
import fc from 'fast-check'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { apis } from '../../core/protocol/apis.ts'
import { encodeBuffer } from '../../core/protocol/codec.ts'
import { arbitraryBody } from '../support/arbitrary-message.ts'
import { kafkaJar, mavenJar } from '../support/kafka-jars.ts'
import { missing } from '../support/missing.ts'

const BODIES_PER_VERSION = 20

interface Sample {
  readonly label: string
  /** For CodecEcho: key, half, version, bytes. */
  readonly line: string
  readonly bytes: string
}

/** Random messages of every call in every version, in the bytes that we write. */
function samples(seed: number): Sample[] {
  return apis.flatMap((call) =>
    (['request', 'response'] as const).flatMap((half) => {
      const message = call[half]
      const versions = Array.from({ length: message.versions.last - message.versions.first + 1 }, (_, i) => message.versions.first + i)
      return versions.flatMap((version) =>
        fc.sample(arbitraryBody(message, version), { numRuns: BODIES_PER_VERSION, seed }).map((body) => {
          const bytes = encodeBuffer(message, version, body).toString('base64')
          return { label: `${message.name} v${version}`, line: `${call.key} ${half} ${version} ${bytes}`, bytes }
        }),
      )
    }),
  )
}

/** What Kafka's own classes write after they have read our bytes, line by line. */
async function echo(jars: readonly string[], input: string): Promise<string[]> {
  const program = join(import.meta.dirname, '../support/CodecEcho.java')
  const java = spawn('java', ['-cp', jars.join(delimiter), program], { stdio: ['pipe', 'pipe', 'inherit'] })
  // A Java that cannot start closes its input: its exit code tells more than the broken pipe.
  java.stdin.on('error', () => {})
  java.stdin.end(input)
  const output: Buffer[] = []
  java.stdout.on('data', (chunk: Buffer) => output.push(chunk))
  const [code] = (await once(java, 'close')) as [number | null]
  if (code !== 0) throw new Error(`java ended with ${code}`)
  return Buffer.concat(output).toString().split('\n')
}

/** Kafka's classes and what they need, or the reason why they cannot be had. */
async function classesOf(version: string): Promise<string[] | Error> {
  try {
    await promisify(execFile)('java', ['-version'])
    return [await kafkaJar('kafka-clients', version), await mavenJar('org.slf4j', 'slf4j-api', '1.7.36')]
  } catch (error) {
    return error as Error
  }
}

for (const version of ['3.9.1', '4.3.1']) {
  test(`whatever we write, Kafka ${version} reads to the last byte and writes the same`, async (t) => {
    const jars = await classesOf(version)
    if (jars instanceof Error) return missing(t, "Kafka's classes (java, mvn and unzip are needed)", jars)
    const all = samples(Number(process.env['SEED'] ?? 20_261_123))
    const answers = await echo(jars, all.map((sample) => `${sample.line}\n`).join(''))
    const compared = all.flatMap((sample, i) => (answers[i] === 'unsupported' ? [] : [{ ...sample, answer: answers[i] }]))
    t.true(compared.length > all.length / 2)
    for (const { label, bytes, answer } of compared) t.is(answer, bytes, label)
    t.log(`${compared.length} messages compared`)
  })
}
