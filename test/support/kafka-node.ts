import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

import { startProcess } from './kafka-process.ts'
import type { StartedKafka } from './kafka-process.ts'

const run = promisify(execFile)

export interface NodePlan {
  /** The class path. */
  classes: string
  /** A folder of the node's own. */
  dir: string
  /** What stands in server.properties; `log.dirs` is added. */
  settings: Readonly<Record<string, string>>
  clusterId: string
  /** What `kafka-storage format` is told beyond that. */
  formatArgs?: readonly string[]
  /** Arguments of the virtual machine. Default: a heap of at most 512 MB. */
  jvm?: readonly string[] | undefined
}

/** Writes the settings of a node and formats its folder. Answers how its process is started. */
export async function prepareNode({ classes, dir, settings, clusterId, formatArgs = [], jvm }: NodePlan): Promise<() => StartedKafka> {
  const properties = join(dir, 'server.properties')
  const lines = Object.entries({ 'log.dirs': join(dir, 'data'), ...settings }).map(([name, value]) => `${name}=${value}\n`)
  await writeFile(properties, lines.join(''))
  await writeFile(join(dir, 'log4j2.properties'), LOG4J2)
  await writeFile(join(dir, 'log4j.properties'), LOG4J)
  const logging = ['log4j2.configurationFile=', 'log4j.configuration=file:'].map(
    (name, i) => `-D${name}${join(dir, i === 0 ? 'log4j2.properties' : 'log4j.properties')}`,
  )
  const java = [...logging, '-cp', classes]
  await run('java', [...java, 'kafka.tools.StorageTool', 'format', '-t', clusterId, '-c', properties, ...formatArgs])
  return () => startProcess([...(jvm ?? ['-Xmx512m']), ...java, 'kafka.Kafka', properties])
}

const LOG4J2 = `status = error
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d %p %m (%c)%n
rootLogger.level = warn
rootLogger.appenderRef.out.ref = out
logger.server.name = kafka.server.KafkaRaftServer
logger.server.level = info
`

/** Kafka before 4.0 reads this one. */
const LOG4J = `log4j.rootLogger=WARN, out
log4j.appender.out=org.apache.log4j.ConsoleAppender
log4j.appender.out.layout=org.apache.log4j.PatternLayout
log4j.appender.out.layout.ConversionPattern=%d %p %m (%c)%n
log4j.logger.kafka.server.KafkaRaftServer=INFO
`
