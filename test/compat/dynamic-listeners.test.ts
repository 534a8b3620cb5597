import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'

import test from 'ava'
import type { ExecutionContext } from 'ava'

import type { Channel } from '../../core/net/channel.ts'
import { errorName } from '../../core/protocol/errors.ts'
import { AlterClientQuotas } from '../../core/protocol/messages/alter-client-quotas.ts'
import { DescribeConfigs } from '../../core/protocol/messages/describe-configs.ts'
import { Fetch } from '../../core/protocol/messages/fetch.ts'
import { IncrementalAlterConfigs } from '../../core/protocol/messages/incremental-alter-configs.ts'
import { Authority } from '../support/certificates.ts'
import type { Certificate, NamePart } from '../support/certificates.ts'
import { startBroker, tempDir } from '../support/start-broker.ts'
import { freePort, startKafka } from '../support/start-kafka.ts'
import { batch, channelTo, createTopic, listing, produce } from '../support/wire.ts'

const authority = new Authority()
const issue = (dns: readonly string[], subject: readonly NamePart[] = [['CN', 'broker']]): Certificate =>
  authority.issue({ subject, dns, ip: ['127.0.0.1'] })
const first = issue(['localhost'])
const second = issue(['localhost', 'second'])
const third = issue(['localhost', 'second', 'third'])

const OWN = 'listener.name.ssl.ssl.'
const inText = ({ key, cert }: Certificate): Changes => ({ [`${OWN}keystore.key`]: key, [`${OWN}keystore.certificate.chain`]: cert })

type Changes = Readonly<Record<string, string | null>>

interface Target {
  readonly plain: Channel
  readonly sslPort: number
}

/** Our broker and a real one, each with a listener in plain text and one that speaks TLS with the first certificate. */
async function both(t: ExecutionContext): Promise<readonly [Target, Target] | undefined> {
  const tls = {
    'ssl.keystore.type': 'PEM',
    'ssl.truststore.type': 'PEM',
    'ssl.keystore.key': first.key,
    'ssl.keystore.certificate.chain': first.cert,
    'ssl.truststore.certificates': authority.cert,
  }
  const [port, sslPort, controllerPort] = [await freePort(), await freePort(), await freePort()]
  const advertised = `PLAINTEXT://127.0.0.1:${port},SSL://127.0.0.1:${sslPort}`
  const oneLine = (text: string): string => text.trim().replaceAll('\n', '\\n')
  const kafka = await startKafka(t, {
    config: {
      // Each thread of a listener takes over its certificate by itself: with more than one, the old and the new one are shown by turns for a moment.
      'num.network.threads': '1',
      ...Object.fromEntries(Object.entries(tls).map(([name, text]) => [name, oneLine(text)])),
      listeners: `${advertised},CONTROLLER://127.0.0.1:${controllerPort}`,
      'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL',
      'advertised.listeners': `${advertised},CONTROLLER://127.0.0.1:${controllerPort}`,
      'controller.quorum.bootstrap.servers': `127.0.0.1:${controllerPort}`,
    },
  })
  if (kafka === undefined) return undefined
  const ours = await startBroker(t, { config: { ...tls, listeners: 'PLAINTEXT://127.0.0.1:0,SSL://127.0.0.1:0' } })
  return [
    { plain: await channelTo(t, `127.0.0.1:${ours.listeners[0]!.port}`), sslPort: ours.listeners[1]!.port! },
    { plain: await channelTo(t, `127.0.0.1:${port}`), sslPort },
  ]
}

async function alter({ plain }: Target, changes: Changes, resourceName: string): Promise<string> {
  const configs = Object.entries(changes).map(([name, value]) => ({ name, configOperation: value === null ? 1 : 0, value }))
  const resources = [{ resourceType: 4, resourceName, configs }]
  const { responses } = await plain.request(IncrementalAlterConfigs, 1, { resources, validateOnly: false })
  return errorName(responses[0]!.errorCode)
}

/** The certificate that new connections see. */
async function shown({ sslPort }: Target): Promise<string> {
  const socket = connectTls({ host: '127.0.0.1', port: sslPort, ca: authority.cert })
  await once(socket, 'secureConnect')
  const { raw } = socket.getPeerX509Certificate()!
  socket.destroy()
  return [first, second, third].findIndex(({ der }) => der.equals(raw)).toString()
}

test('settings of listeners change, are refused and are shown as those of a real Kafka', async (t) => {
  const targets = await both(t)
  if (targets === undefined) return
  const files = await tempDir(t)
  const store = join(files, 'store.pem')
  await writeFile(store, third.key + third.cert)
  const broken = join(files, 'broken.pem')
  await writeFile(broken, 'nothing')
  const renamed = issue(['localhost', 'second', 'third'], [['CN', 'somebody']])
  const fewer = issue(['elsewhere'])
  /**
   * What is asked for, of broker 1 or of all, and what new connections see when it is done. Left out is what a real Kafka takes and should not: a key
   * that does not fit the certificate, with which the listener is of no use, and settings that a listener has only at the start, `ssl.client.auth` and
   * others: they change nothing, not even after a restart, and then no other setting of listeners can be changed.
   */
  const steps: readonly (readonly [changes: Changes, shows: string, resource?: string])[] = [
    [inText(second), '1'],
    [{ [`${OWN}keystore.key`]: 'nothing' }, '1'],
    [{ [`${OWN}keystore.certificate.chain`]: 'nothing' }, '1'],
    [{ [`${OWN}truststore.certificates`]: 'nothing' }, '1'],
    [{ [`${OWN}keystore.type`]: 'NONE' }, '1'],
    [inText(renamed), '1'],
    [inText(fewer), '1'],
    [inText(first), '1'],
    [inText(third), '2'],
    [{ [`${OWN}truststore.certificates`]: authority.cert }, '2'],
    [{ 'ssl.keystore.location': store }, '2'],
    [{ 'ssl.key.password': 'secret' }, '2'],
    [inText(third), '2', ''],
    [{ 'listener.name.ssl.max.connections': '1000' }, '2'],
    [{ 'listener.name.ssl.max.connections': 'many' }, '2'],
    [{ 'listener.name.ssl.max.connection.creation.rate': '1000' }, '2'],
    [{ 'listener.name.ssl.max.connection.creation.rate': '1000' }, '2', ''],
    [{ 'max.connection.creation.rate': '1000' }, '2'],
    [{ 'max.connection.creation.rate': '1000' }, '2', ''],
    [{ 'max.connection.creation.rate': '-1' }, '2'],
    [{ 'connections.max.reauth.ms': '1000' }, '2'],
    [{ 'ssl.allow.dn.changes': 'true' }, '2'],
  ]
  for (const [changes, shows, resource = '1'] of steps) {
    const [ours, theirs] = await Promise.all(targets.map((target) => alter(target, changes, resource)))
    const what = `${Object.keys(changes).join()} of '${resource}'`
    t.is(ours, theirs, what)
    for (const target of targets) {
      // A real one takes over what was answered a little later.
      let seen = await shown(target)
      for (let tries = 0; tries < 600 && seen !== shows; tries++) {
        await new Promise((resolve) => setTimeout(resolve, 50))
        seen = await shown(target)
      }
      t.is(seen, shows, what)
    }
  }
  const names = ['keystore.key', 'keystore.certificate.chain', 'truststore.certificates'].map((name) => OWN + name)
  const configurationKeys = [...names, 'listener.name.ssl.max.connections']
  const [ours, theirs] = await Promise.all(
    targets.map(async ({ plain }) => {
      const resources = [{ resourceType: 4, resourceName: '1', configurationKeys }]
      const { results } = await plain.request(DescribeConfigs, 4, { resources, includeSynonyms: true, includeDocumentation: false })
      return results[0]!.configs
        .map(({ name, value, configSource, isSensitive, configType, synonyms }) => ({
          name,
          value,
          configSource,
          isSensitive,
          configType,
          synonyms,
        }))
        .sort((a, b) => (a.name < b.name ? -1 : 1))
    }),
  )
  const withoutDefaults = (configs: typeof ours): typeof ours =>
    // The defaults of connections differ: every list has a bound here.
    configs!.map((config) => ({ ...config, synonyms: config.synonyms.filter(({ source }) => source !== 5) }))
  t.deepEqual(withoutDefaults(ours), withoutDefaults(theirs))
})

test('a fetch over its quota is answered as by a real Kafka: with nothing, and for how long to be silent', async (t) => {
  const targets = await both(t)
  if (targets === undefined) return
  const outcomes = await Promise.all(
    targets.map(async ({ plain }) => {
      await createTopic(plain, 'a')
      for (let i = 0; i < 22; i++) {
        // A real one does not know at once that it leads the new partition.
        for (let tries = 0; ; tries++) {
          const { error } = await produce(plain, 'a', batch([`${i} ${'x'.repeat(1000)}`]))
          if (error === 'NONE') break
          if (tries > 100) throw new Error(error)
          await new Promise((resolve) => setTimeout(resolve, 100))
        }
      }
      const entity = [{ entityType: 'client-id', entityName: 'test' }]
      await plain.request(AlterClientQuotas, 1, {
        entries: [{ entity, ops: [{ key: 'consumer_byte_rate', value: 2000, remove: false }] }],
        validateOnly: false,
      })
      // It counts a little later, too.
      await new Promise((resolve) => setTimeout(resolve, 1000))
      const seen: string[] = []
      let next = 0
      // Eleven batches twice are more than come in ten seconds.
      while (next < 22) {
        const topics = [{ topic: 'a', partitions: [{ partition: 0, fetchOffset: next, partitionMaxBytes: 12_000 }] }]
        const { responses, throttleTimeMs } = await plain.request(Fetch, 12, { maxWaitMs: 100, minBytes: 1, topics }, { timeoutMs: 60_000 })
        const count = responses.flatMap(({ partitions }) => partitions.flatMap(listing)).length
        next += count
        // How long depends on the time that has passed.
        const what = `${responses.length === 0 ? 'no topics' : `${count} records`}, ${throttleTimeMs > 0 ? 'silence' : 'no silence'}`
        if (seen.at(-1) !== what) seen.push(what)
      }
      return seen
    }),
  )
  t.log(outcomes[0])
  t.deepEqual(outcomes[0], outcomes[1])
  t.true(outcomes[0]!.includes('no topics, silence'))
})
