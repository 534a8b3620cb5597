import { Command } from 'commander'
import { connect } from '../../core/index.ts'
import { bootstrapOption, collectSetting, jsonOption, wholeNumber } from '../options.ts'
import { formatTable, printJson } from '../output.ts'

interface TopicsOptions {
  bootstrap: string
  json?: boolean
  create?: string
  delete?: string
  describe?: string
  partitions?: number
  config: Record<string, string>
  all?: boolean
}

export function topicsCommand(): Command {
  return new Command('topics')
    .description('List, describe, create or delete topics.')
    .addOption(bootstrapOption())
    .addOption(jsonOption())
    .option('--create <topic>', 'create a topic')
    .option('--delete <topic>', 'delete a topic and its records')
    .option('--describe <topic>', 'partitions and settings of a topic')
    .option('--partitions <count>', 'for --create; default: num.partitions of the broker', wholeNumber('--partitions', 1))
    .option('-c, --config <name=value>', "for --create, a topic setting by Kafka's name; may be repeated", collectSetting, {})
    .option('--all', 'list internal topics too')
    .addHelpText(
      'after',
      `
Examples:
  moldau topics                                              every topic, with partitions and records
  moldau topics --create flights --partitions 6 -c retention.ms=86400000
  moldau topics --describe flights --json
  moldau topics --delete flights`,
    )
    .action(async (options: TopicsOptions) => {
      const client = await connect(options.bootstrap)
      try {
        const { admin } = client
        if (options.create !== undefined) {
          const topic = { name: options.create, partitions: options.partitions ?? -1, configs: options.config }
          await admin.createTopics([topic])
          process.stdout.write(`created topic ${options.create}\n`)
        } else if (options.delete !== undefined) {
          await admin.deleteTopics([options.delete])
          process.stdout.write(`deleted topic ${options.delete}\n`)
        } else if (options.describe !== undefined) {
          await describe(admin, options.describe, options.json === true)
        } else {
          await list(admin, options.all === true, options.json === true)
        }
      } finally {
        await client.close()
      }
    })
}

type Admin = Awaited<ReturnType<typeof connect>>['admin']

async function list(admin: Admin, all: boolean, json: boolean): Promise<void> {
  const listed = (await admin.listTopics()).filter((topic) => all || !topic.internal)
  const rows = []
  for (const { name } of listed) {
    const { partitions, records } = await partitionsOf(admin, name)
    rows.push({ topic: name, partitions: partitions.length, records })
  }
  rows.sort((a, b) => (a.topic < b.topic ? -1 : 1))
  if (json) for (const row of rows) printJson(row)
  else
    process.stdout.write(
      `${formatTable(
        ['topic', 'partitions', 'offsets held'],
        rows.map((row) => [row.topic, row.partitions, row.records]),
      )}\n`,
    )
}

async function describe(admin: Admin, topic: string, json: boolean): Promise<void> {
  const { partitions } = await partitionsOf(admin, topic)
  const configs = await admin.describeConfigs([{ type: 'topic', name: topic }])
  const settings = (configs[0]?.entries ?? []).filter((entry) => !entry.isDefault)
  if (json) {
    printJson({ topic, partitions, configs: Object.fromEntries(settings.map((entry) => [entry.name, entry.value])) })
    return
  }
  const rows = partitions.map((p) => [String(p.partition), String(p.leader), p.logStartOffset, p.highWatermark])
  process.stdout.write(`${formatTable(['partition', 'leader', 'log start', 'high watermark'], rows)}\n`)
  for (const entry of settings) process.stdout.write(`${entry.name}=${entry.value}\n`)
}

async function partitionsOf(admin: Admin, topic: string) {
  const described = (await admin.describeTopics([topic]))[0]!
  const tps = described.partitions.map(({ partition }) => ({ topic, partition }))
  const starts = await admin.listOffsets(tps.map((tp) => ({ ...tp, at: 'earliest' as const })))
  const ends = await admin.listOffsets(tps.map((tp) => ({ ...tp, at: 'latest' as const })))
  const partitions = described.partitions.map(({ partition, leader }, i) => ({
    partition,
    leader,
    logStartOffset: starts[i]!.offset,
    highWatermark: ends[i]!.offset,
  }))
  return { partitions, records: partitions.reduce((sum, p) => sum + p.highWatermark - p.logStartOffset, 0) }
}
