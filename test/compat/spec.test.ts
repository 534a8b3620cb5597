import test from 'ava'
import type { ExecutionContext } from 'ava'
import { apis } from '../../core/protocol/apis.ts'
import type { Message } from '../../core/protocol/schema.ts'
import { describeVersions, parseVersions } from '../../core/protocol/versions.ts'
import { allMessages } from '../support/all-messages.ts'
import { kafkaJar, readJar } from '../support/kafka-jars.ts'
import { missing } from '../support/missing.ts'
import { linesOfMessage, linesOfSpec, parseSpec } from '../support/message-spec.ts'
import type { MessageSpec } from '../support/message-spec.ts'

const OLD = '3.9.1'
const NEW = '4.3.1'

type Specs = ReadonlyMap<string, MessageSpec>

async function specsIn(artifact: string, version: string): Promise<Specs> {
  const texts = await readJar(await kafkaJar(artifact, version), 'common/message/*.json')
  return new Map([...texts].map(([name, text]) => [name, parseSpec(text)]))
}

async function specsOf(version: string): Promise<Specs> {
  const parts = [await specsIn('kafka-clients', version)]
  // Kafka 3.9 has the records of its coordinators in jars with the broker inside; those of 4.3 have all their versions.
  if (version === NEW)
    parts.push(await specsIn('kafka-group-coordinator', version), await specsIn('kafka-transaction-coordinator', version))
  return new Map(parts.flatMap((part) => [...part]))
}

let loaded: Promise<[Specs, Specs]> | undefined

/** Runs when the jars can be had; says so when not, and fails then in CI. */
function withSpecs(title: string, run: (t: ExecutionContext, old: Specs, current: Specs) => void): void {
  test(title, async (t) => {
    loaded ??= Promise.all([specsOf(OLD), specsOf(NEW)])
    let specs: [Specs, Specs]
    try {
      specs = await loaded
    } catch (error) {
      return missing(t, 'jars of Kafka (mvn and unzip are needed)', error)
    }
    run(t, ...specs)
  })
}

/** Since Kafka 4.1 the number of a record's type stands where its version stood: our versions of keys are those numbers. */
function isRecordKey(spec: MessageSpec): boolean {
  return spec.type === 'coordinator-key'
}

function compare(t: ExecutionContext, message: Message, spec: MessageSpec, kafka: string): void {
  const label = `${message.name} of Kafka ${kafka}`
  const versions = isRecordKey(spec) ? { first: 0, last: 0 } : parseVersions(spec.validVersions)
  t.is(describeVersions(message.flexible), spec.flexibleVersions, label)
  t.deepEqual(linesOfMessage(message, versions), linesOfSpec(spec, versions), label)
}

withSpecs('every message has the names, order, types, versions, nullability, tags and defaults that Kafka gives it', (t, old, current) => {
  for (const message of allMessages) {
    const specs = [
      [OLD, old.get(message.name)],
      [NEW, current.get(message.name)],
    ] as const
    t.true(
      specs.some(([, spec]) => spec !== undefined),
      `${message.name} is in neither Kafka`,
    )
    for (const [kafka, spec] of specs) if (spec !== undefined) compare(t, message, spec, kafka)
  }
})

withSpecs('every message has the versions of both Kafkas and no other', (t, old, current) => {
  for (const message of allMessages) {
    const specs = [old.get(message.name), current.get(message.name)].filter((spec) => spec !== undefined)
    const ranges = specs.map((spec) =>
      isRecordKey(spec) ? { first: spec.apiKey!, last: spec.apiKey! } : parseVersions(spec.validVersions),
    )
    if (message.name === 'OffsetCommitKey') ranges.push({ first: 0, last: 0 })
    const union = { first: Math.min(...ranges.map((range) => range.first)), last: Math.max(...ranges.map((range) => range.last)) }
    t.is(describeVersions(message.versions), describeVersions(union), message.name)
  }
})

withSpecs('every call has the number that Kafka gives it', (t, old, current) => {
  for (const call of apis) {
    for (const spec of [old.get(`${call.name}Request`), current.get(`${call.name}Request`)]) {
      if (spec !== undefined) t.is(spec.apiKey ?? -1, call.key, call.name)
    }
  }
})
