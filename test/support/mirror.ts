import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { properties, QUICK_DISCOVERY } from './connect-worker.ts'
import { javaClasses, startJava } from './java-app.ts'
import type { Program, Teardown } from './program.ts'
import { freePort } from './start-kafka.ts'

export interface MirrorPlan {
  dir: string
  /** Addresses of clusters by their names. */
  clusters: Readonly<Record<string, string>>
  /** What is mirrored: `a->b` and the topics. */
  flows: Readonly<Record<string, string>>
  log?: (line: string) => void
}

/** MirrorMaker 2 as an operator runs it, exactly once, with groups' offsets translated and committed at the target. */
export async function startMirror(t: Teardown, { dir, clusters, flows, log = () => {} }: MirrorPlan): Promise<Program> {
  await mkdir(dir, { recursive: true })
  const names = Object.keys(clusters)
  const settings: Record<string, string> = { clusters: names.join(',') }
  for (const [name, bootstrap] of Object.entries(clusters)) {
    settings[`${name}.bootstrap.servers`] = bootstrap
    settings[`${name}.exactly.once.source.support`] = 'enabled'
    settings[`${name}.plugin.discovery`] = QUICK_DISCOVERY
    settings[`${name}.session.timeout.ms`] = '6000'
    settings[`${name}.heartbeat.interval.ms`] = '500'
    settings[`${name}.scheduled.rebalance.max.delay.ms`] = '0'
    settings[`${name}.offset.storage.partitions`] = '2'
    settings[`${name}.status.storage.partitions`] = '2'
    settings[`${name}.consumer.auto.offset.reset`] = 'earliest'
    settings[`${name}.consumer.isolation.level`] = 'read_committed'
  }
  for (const from of names) {
    for (const to of names) {
      if (from === to) continue
      const topics = flows[`${from}->${to}`]
      settings[`${from}->${to}.enabled`] = String(topics !== undefined)
      if (topics !== undefined) settings[`${from}->${to}.topics`] = topics
    }
  }
  for (const kind of [
    '',
    'checkpoints.topic.',
    'heartbeats.topic.',
    'offset-syncs.topic.',
    'offset.storage.',
    'status.storage.',
    'config.storage.',
  ]) {
    settings[`${kind}replication.factor`] = '1'
  }
  Object.assign(settings, {
    'plugin.discovery': QUICK_DISCOVERY,
    'tasks.max': '2',
    'refresh.topics.interval.seconds': '2',
    'refresh.groups.interval.seconds': '2',
    'sync.group.offsets.enabled': 'true',
    'sync.group.offsets.interval.seconds': '1',
    'emit.checkpoints.interval.seconds': '1',
    'offset.flush.interval.ms': '500',
    // Every offset is told to the target, not each hundredth.
    'offset.lag.max': '0',
    // What workers need to agree on who may write.
    'dedicated.mode.enable.internal.rest': 'true',
    listeners: `http://127.0.0.1:${await freePort()}`,
  })
  const file = join(dir, 'mm2.properties')
  await writeFile(file, properties(settings))
  const classes = await javaClasses()
  return startJava(t, { classes, dir, className: 'org.apache.kafka.connect.mirror.MirrorMaker', args: [file], heapMb: 512 }, log)
}
