import type { Channel } from '../../core/net/channel.ts'
import { DescribeConfigs } from '../../core/protocol/messages/describe-configs.ts'
import type { DescribeConfigsResponse } from '../../core/protocol/messages/describe-configs.ts'
import { OTHER_VERSIONS } from './differential.ts'
import { createTopic } from './wire.ts'

type Entry = DescribeConfigsResponse['results'][number]['configs'][number]
type Configs = ReadonlyMap<string, Entry>

/** Settings of a real Kafka that our broker does not have, and why. The list only shrinks. */
const MISSING: readonly (readonly [RegExp, string])[] = [
  [/^remote\.|^follower\.fetch\./, 'there is no tiered storage'],
  [
    /^controller\.(?!quota)|^metadata\.|^process\.roles$|^initial\.broker|^broker\.(heartbeat|session|id)|^node\.id$/,
    'there is no quorum of controllers: the cluster is this process',
  ],
  [
    /^replica\.|^replication\.quota|^alter\.log\.dirs|^socket\.connection\.setup|^inter\.broker|^security\.inter/,
    'there are no other brokers to talk to',
  ],
  [/^group\.share\.|^share\./, 'share groups are not served'],
  [/^group\.streams\./, 'groups of Kafka Streams are not served'],
  [/^sasl\.kerberos\./, 'there is no GSSAPI'],
  [
    /^sasl\.(login|client)\.|^sasl\.mechanism\.controller|^sasl\.oauthbearer\.(assertion|client|token|scope$|jwt\.retriever)|^ssl\.endpoint\.id/,
    'for who logs in: brokers do, at others',
  ],
  [/^sasl\.oauthbearer\.jwks\.endpoint\.re/, 'the key set is a file: it is read again when it changes'],
  [
    /\.callback\.handler\.class$|^ssl\.(provider|engine|secure\.random|trustmanager|keymanager|protocol$)|^security\.providers|^principal\.builder|\.jwt\.validator/,
    'classes of the JVM',
  ],
  [/^delegation\.token\./, 'there are no delegation tokens'],
  [/^early\.start\.listeners/, 'there is no quorum of controllers: the cluster is this process'],
  [/^kafka\.metrics\.|^config\.providers/, 'classes of the JVM'],
  [/^log\.initial\.task/, 'internal: set for this test only'],
  [/^max\.incremental\.fetch/, 'fetch sessions are declined'],
]

/** Settings of ours that a real Kafka does not have, and why. */
const OURS: ReadonlyMap<string, string> = new Map([
  ['allow.everyone.if.no.acl.found', 'of the authorizer: Kafka hands it on and does not show it'],
  ['super.users', 'of the authorizer: Kafka hands it on and does not show it'],
  ['sasl.oauthbearer.required.scopes', 'ours'],
  ['sasl.plain.users', 'ours'],
  ['durability', 'when acks=all is answered: ours'],
  ['group.consumer.regex.refresh.interval.ms', 'an internal setting of Kafka, which does not show it'],
  ['log.message.downconversion.enable', 'of Kafka before 4.0, whose clients we serve'],
])

/** Settings with another default, and why. */
const OTHER_DEFAULTS: ReadonlyMap<string, string> = new Map([
  ['group.coordinator.rebalance.protocols', 'groups of Kafka Streams are not served'],
  ['group.initial.rebalance.delay.ms', 'a lone broker mostly serves one process'],
  ['group.consumer.assignment.interval.ms', 'a lone broker mostly serves one process'],
  ['group.max.size', 'every list has a bound here'],
  ['max.connections', 'every list has a bound here'],
  ['offsets.topic.replication.factor', 'there is one broker'],
  ['transaction.state.log.replication.factor', 'there is one broker'],
  ['transaction.state.log.min.isr', 'there is one broker'],
  ['sasl.enabled.mechanisms', 'there is no GSSAPI'],
  ['min.insync.replicas', 'Kafka sets it for the cluster when it is formatted with eligible leader replicas'],
  ['advertised.listeners', 'one listener at the port of the options, unless told otherwise'],
  ['listeners', 'one listener at the port of the options, unless told otherwise'],
  ['ssl.keystore.type', 'Node.js cannot read JKS'],
  ['ssl.truststore.type', 'Node.js cannot read JKS'],
  ['log.dirs', 'given by the option dir'],
  ['socket.listen.backlog.size', 'many clients may come at once'],
  ['socket.receive.buffer.bytes', 'the system chooses'],
  ['socket.send.buffer.bytes', 'the system chooses'],
])

/** Belongs to a listener: Kafka says of the names without its name that they can be changed, and changes nothing by them. */
const AT_START = /^ssl\.|^sasl\.|^listeners$|^listener\./

/** All settings of a new topic and of broker 1. */
export async function describeAll(channel: Channel): Promise<{ topic: Configs; broker: Configs }> {
  await createTopic(channel, 'configs')
  const ask = async (resourceType: number, resourceName: string): Promise<Configs> => {
    for (;;) {
      const resources = [{ resourceType, resourceName, configurationKeys: null }]
      const { results } = await channel.request(DescribeConfigs, 4, { resources, includeSynonyms: true, includeDocumentation: true })
      // A real Kafka sees the new topic a little later.
      if (results[0]!.errorCode === 0) return new Map(results[0]!.configs.map((config) => [config.name, config]))
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
  return { topic: await ask(2, 'configs'), broker: await ask(4, '1') }
}

/** Topics: the same names, each with the same type, default, sensitivity and place of origin. */
export function topicDifferences(ours: Configs, theirs: Configs): string[] {
  const missing = [...theirs.keys()].filter((name) => !ours.has(name)).map((name) => `${name}: missing`)
  const more = [...ours.keys()].filter((name) => !theirs.has(name) && !OTHER_VERSIONS.has(name)).map((name) => `${name}: not in Kafka`)
  return [...missing, ...more, ...common(ours, theirs)]
}

/** Brokers: the same for what both have; what one of them lacks is explained. */
export function brokerDifferences(ours: Configs, theirs: Configs): string[] {
  const missing = [...theirs.keys()].filter((name) => !ours.has(name) && !MISSING.some(([pattern]) => pattern.test(name)))
  const more = [...ours.keys()].filter((name) => !theirs.has(name) && !OURS.has(name))
  return [...missing.map((name) => `${name}: missing`), ...more.map((name) => `${name}: not in Kafka`), ...common(ours, theirs)]
}

function common(ours: Configs, theirs: Configs): string[] {
  return [...ours].flatMap(([name, our]) => {
    const their = theirs.get(name)
    if (their === undefined) return []
    const [a, b] = [traits(our), traits(their)]
    return a === b ? [] : [`${name}: ours ${a}, theirs ${b}`]
  })
}

function traits({ name, value, configType, isSensitive, readOnly, synonyms, configSource }: Entry): string {
  const fallback = synonyms.find(({ source }) => source === 5)?.value ?? null
  const compared = OTHER_DEFAULTS.has(name) ? {} : { fallback, configSource, ...(configSource === 5 && { value }) }
  return JSON.stringify({ configType, isSensitive, ...(!AT_START.test(name) && { readOnly }), ...compared })
}
