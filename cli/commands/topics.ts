import { Command, Option } from 'commander'
import { MoldauError } from '../../core/base/errors.ts'
import { AdminError } from '../../core/client/admin/admin-error.ts'
import { describeTopics, withClient, type Admin } from '../cluster.ts'
import { bootstrapOption, collectSetting, jsonOption, wholeNumber } from '../options.ts'
import { formatTable, printJson, printRows } from '../output.ts'

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
    .addOption(new Option('--create <topic>', 'create a topic').conflicts(['delete', 'describe', 'all']))
    .addOption(new Option('--delete <topic>', 'delete a topic and its records').conflicts(['describe', 'all']))
    .addOption(new Option('--describe <topic>', 'partitions and settings of a topic').conflicts('all'))
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
    .action(topics)
}

async function topics(options: TopicsOptions): Promise<void> {
  const { json = false } = options
  if (options.create === undefined && (options.partitions !== undefined || Object.keys(options.config).length > 0)) {
    throw new MoldauError('INVALID_ARGUMENT', '--partitions and --config belong to --create; a topic that exists is not changed')
  }
  await withClient(options.bootstrap, async ({ admin }) => {
    if (options.create !== undefined) await create(admin, options.create, options)
    else if (options.delete !== undefined) await remove(admin, options.delete, json)
    else if (options.describe !== undefined) await describe(admin, options.describe, json)
    else await list(admin, options.all === true, json)
  })
}

async function create(admin: Admin, name: string, { partitions = -1, config, json }: TopicsOptions): Promise<void> {
  try {
    await admin.createTopics([{ name, partitions, configs: config }])
  } catch (cause) {
    if (!(cause instanceof AdminError) || cause.kafkaCode !== 'TOPIC_ALREADY_EXISTS') throw cause
    // The broker cannot tell what this command offers instead.
    throw new MoldauError('INVALID_ARGUMENT', `topic '${name}' exists already; 'moldau topics --describe ${name}' shows it`, { cause })
  }
  if (json) printJson({ created: name })
  else process.stdout.write(`created topic ${name}\n`)
}

async function remove(admin: Admin, name: string, json: boolean): Promise<void> {
  await describeTopics(admin, [name])
  await admin.deleteTopics([name])
  if (json) printJson({ deleted: name })
  else process.stdout.write(`deleted topic ${name}\n`)
}

async function list(admin: Admin, all: boolean, json: boolean): Promise<void> {
  const names = (await admin.listTopics()).filter((topic) => all || !topic.internal).map(({ name }) => name)
  const rows = (await partitionsOf(admin, names.sort())).map(({ topic, partitions }) => {
    return { topic, partitions: partitions.length, records: partitions.reduce((sum, p) => sum + p.highWatermark - p.logStartOffset, 0) }
  })
  printRows(json, rows, ['topic', 'partitions', 'offsets held'], (row) => [row.topic, row.partitions, row.records])
}

async function describe(admin: Admin, topic: string, json: boolean): Promise<void> {
  const { partitions } = (await partitionsOf(admin, [topic]))[0]!
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

async function partitionsOf(admin: Admin, names: readonly string[]) {
  const described = await describeTopics(admin, names)
  const tps = described.flatMap(({ name, partitions }) => partitions.map(({ partition }) => ({ topic: name, partition })))
  const offsets = await admin.listOffsets((['earliest', 'latest'] as const).flatMap((at) => tps.map((tp) => ({ ...tp, at }))))
  let i = 0
  return described.map(({ name, partitions }) => ({
    topic: name,
    partitions: partitions.map(({ partition, leader }) => {
      const at = i++
      return { partition, leader, logStartOffset: offsets[at]!.offset, highWatermark: offsets[tps.length + at]!.offset }
    }),
  }))
}
