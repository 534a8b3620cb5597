import { Command, Option } from 'commander'
import type { Consumer, ConsumerBatch, Isolation, TopicPartition } from '../../core/index.ts'
import { MoldauError } from '../../core/base/errors.ts'
import { KafkaError } from '../../core/protocol/errors.ts'
import { tpKey } from '../../core/cluster/topic-partition.ts'
import { describeTopics, withClient, type Client } from '../cluster.ts'
import { bootstrapOption, jsonOption, wholeNumber } from '../options.ts'
import { print } from '../output.ts'
import { formatRecords } from '../records.ts'
import { untilSignal } from '../signals.ts'

interface ConsumeOptions {
  bootstrap: string
  json?: boolean
  from: string
  group?: string
  count?: number
  exit?: boolean
  keyDelimiter?: string
  isolation: Isolation
}

export function consumeCommand(): Command {
  return new Command('consume')
    .description('Print the records of a topic, one a line.')
    .argument('<topic>')
    .addOption(bootstrapOption())
    .addOption(jsonOption())
    .option('--from <where>', "'beginning', 'end', or an offset; with --group: where to begin when nothing is committed", 'beginning')
    .option('-g, --group <id>', 'consume as a member of a consumer group and commit what was printed')
    .option('-n, --count <records>', 'stop after so many', wholeNumber('--count', 1))
    .option('-e, --exit', 'stop at what is the end of the topic now')
    .addOption(new Option('-K, --key-delimiter <text>', 'print key, <text>, value').conflicts('json'))
    .addOption(
      new Option('--isolation <level>', 'whether records of open and aborted transactions are shown')
        .choices(['read_committed', 'read_uncommitted'])
        .default('read_committed'),
    )
    .addHelpText(
      'after',
      `
Examples:
  moldau consume flights --exit                        everything there is
  moldau consume flights --from end                    what comes from now on, until Ctrl-C
  moldau consume flights --json -n 10                  with partition, offset, timestamp, key
  moldau consume flights --group billing               where the group left off

Values are printed byte for byte; in JSON a key or value that is not UTF-8 is {"base64": "..."}.`,
    )
    .action(async (topic: string, options: ConsumeOptions) => {
      checkStart(options)
      await withClient(options.bootstrap, (client) => consume(client, topic, options))
    })
}

function checkStart({ from, group, exit }: ConsumeOptions): void {
  if (from === 'end' && exit === true && group === undefined) {
    throw new MoldauError('INVALID_ARGUMENT', '--from end with --exit prints nothing; leave one of them out')
  }
  if (from === 'beginning' || from === 'end') return
  if (!/^\d+$/.test(from) || !Number.isSafeInteger(Number(from))) {
    throw new MoldauError('INVALID_ARGUMENT', `--from takes 'beginning', 'end' or an offset, not '${from}'`)
  }
  if (group !== undefined) {
    throw new MoldauError('INVALID_ARGUMENT', `--from ${from} contradicts --group: a group begins at what it has committed; leave one out`)
  }
}

async function consume(client: Client, topic: string, options: ConsumeOptions): Promise<void> {
  const { group, from, isolation } = options
  const described = (await describeTopics(client.admin, [topic]))[0]!
  const tps = described.partitions.map(({ partition }) => ({ topic, partition }))
  const consumer = client.consumer({
    ...(group === undefined ? {} : { groupId: group }),
    isolationLevel: isolation,
    autoOffsetReset: from === 'end' ? 'latest' : 'earliest',
    fetchMaxWaitMs: 200,
  })
  try {
    const ends = options.exit ? await consumer.endOffsets(tps) : undefined
    let joined = group === undefined
    if (group === undefined) consumer.assign(await startOf(client, consumer, tps, from))
    else consumer.subscribe([topic], { onAssigned: () => void (joined = true) })
    const reached = () => ends !== undefined && joined && isBehind(consumer, ends)
    let left = options.count ?? Infinity
    let stopped = false
    void untilSignal().then(() => (stopped = true))
    while (left > 0 && !stopped && !reached()) {
      for (const batch of await consumer.poll(500)) {
        const count = Math.min(batch.count, left)
        left -= count
        if (count === 0) continue
        await print(formatRecords(batch, count, options))
        if (group !== undefined) await commit(consumer, batch, count)
      }
    }
  } finally {
    await consumer.close()
  }
}

/** Whether everything assigned to us is read up to these ends. Positions are unknown while they are asked for. */
function isBehind(consumer: Consumer, ends: ReadonlyMap<string, number>): boolean {
  return consumer.assignment().every((tp) => (consumer.position(tp) ?? -1) >= (ends.get(tpKey(tp)) ?? 0))
}

async function startOf(client: Client, consumer: Consumer, tps: readonly TopicPartition[], from: string) {
  const starts = await consumer.beginningOffsets(tps)
  if (from === 'beginning') return tps.map((tp) => ({ ...tp, offset: starts.get(tpKey(tp))! }))
  if (from === 'end') {
    const ends = await consumer.endOffsets(tps)
    return tps.map((tp) => ({ ...tp, offset: ends.get(tpKey(tp))! }))
  }
  const ends = await client.admin.listOffsets(tps.map((tp) => ({ ...tp, at: 'latest' as const })))
  const last = Math.max(...ends.map(({ offset }) => offset))
  if (Number(from) > last) {
    throw new MoldauError('INVALID_ARGUMENT', `--from ${from}: topic '${tps[0]!.topic}' ends at offset ${last}; give one up to there`)
  }
  return ends.map(({ topic, partition, offset }) => {
    return { topic, partition, offset: Math.min(Math.max(Number(from), starts.get(tpKey({ topic, partition }))!), offset) }
  })
}

/** The group has changed under us: whoever has the partition now prints these records again, as at least once means. */
const overtaken: ReadonlySet<string> = new Set(['REBALANCE_IN_PROGRESS', 'ILLEGAL_GENERATION', 'UNKNOWN_MEMBER_ID'])

/** Commits what was printed, not what was fetched. */
async function commit(consumer: Consumer, batch: ConsumerBatch, count: number): Promise<void> {
  const { columns, from } = batch
  const done = count === batch.count ? batch : { ...batch, nextOffset: columns.offset(from + count) }
  try {
    await consumer.commit(done)
  } catch (error) {
    if (!(error instanceof KafkaError && overtaken.has(error.kafkaCode))) throw error
  }
}
