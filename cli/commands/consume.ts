import { Command, Option } from 'commander'
import { connect, type ConsumerBatch } from '../../core/index.ts'
import { MoldauError } from '../../core/base/errors.ts'
import { bootstrapOption, jsonOption, wholeNumber } from '../options.ts'
import { untilSignal } from '../signals.ts'

interface ConsumeOptions {
  bootstrap: string
  json?: boolean
  from: string
  group?: string
  count?: number
  exit?: boolean
  keyDelimiter?: string
  isolation: 'read_committed' | 'read_uncommitted'
}

export function consumeCommand(): Command {
  return new Command('consume')
    .description('Print the records of a topic, one a line.')
    .argument('<topic>')
    .addOption(bootstrapOption())
    .addOption(jsonOption())
    .option('--from <where>', "'beginning', 'end', or an offset", 'beginning')
    .option('-g, --group <id>', 'consume as a member of a consumer group and commit what was printed')
    .option('-n, --count <records>', 'stop after so many', wholeNumber('--count', 1))
    .option('-e, --exit', 'stop at what is the end of the topic now')
    .option('-K, --key-delimiter <text>', 'print key, <text>, value')
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
  moldau consume flights --group billing               where the group left off`,
    )
    .action(consume)
}

async function consume(topic: string, options: ConsumeOptions): Promise<void> {
  const client = await connect(options.bootstrap)
  const consumer = client.consumer({
    ...(options.group === undefined ? {} : { groupId: options.group }),
    isolation: options.isolation,
    autoOffsetReset: options.from === 'end' ? 'latest' : 'earliest',
    maxWaitMs: 200,
  })
  try {
    const { partitions } = (await client.admin.describeTopics([topic]))[0]!
    const tps = partitions.map(({ partition }) => ({ topic, partition }))
    if (options.group === undefined) consumer.assign(await startOf(consumer, tps, options.from))
    else consumer.subscribe([topic])
    const ends = options.exit ? await consumer.endOffsets(tps) : undefined
    const reached = () =>
      ends !== undefined &&
      tps.every((tp) => {
        const end = ends.get(`${tp.topic}-${tp.partition}`) ?? 0
        return end === 0 || (consumer.position(tp) ?? 0) >= end
      })
    let left = options.count ?? Infinity
    let stopped = false
    void untilSignal().then(() => (stopped = true))
    while (left > 0 && !stopped && !reached()) {
      const batches = await consumer.poll(500)
      for (const batch of batches) left -= await print(batch, left, options)
      if (options.group !== undefined && batches.length > 0) await consumer.commit()
    }
  } finally {
    await consumer.close()
    await client.close()
  }
}

type Consumer = ReturnType<Awaited<ReturnType<typeof connect>>['consumer']>

async function startOf(consumer: Consumer, tps: { topic: string; partition: number }[], from: string) {
  if (from === 'beginning' || from === 'end') {
    const offsets = from === 'end' ? await consumer.endOffsets(tps) : await consumer.beginningOffsets(tps)
    return tps.map((tp) => ({ ...tp, offset: offsets.get(`${tp.topic}-${tp.partition}`)! }))
  }
  const offset = Number(from)
  if (!Number.isSafeInteger(offset) || offset < 0) {
    throw new MoldauError('INVALID_ARGUMENT', `--from takes 'beginning', 'end' or an offset, not '${from}'`)
  }
  return tps.map((tp) => ({ ...tp, offset }))
}

/** Prints up to `left` records and says how many; waits while the reader of our output is slow. */
async function print(batch: ConsumerBatch, left: number, options: ConsumeOptions): Promise<number> {
  const { columns } = batch
  const count = Math.min(batch.count, left)
  const lines: (string | Buffer)[] = []
  for (let i = batch.from; i < batch.from + count; i++) {
    const key = columns.key(i)
    const value = columns.value(i)
    if (options.json) {
      const { topic, partition } = batch
      const record = { topic, partition, offset: columns.offset(i), timestamp: columns.timestamp(i) }
      lines.push(JSON.stringify({ ...record, key: key?.toString() ?? null, value: value?.toString() ?? null }), '\n')
    } else {
      if (options.keyDelimiter !== undefined) lines.push(key ?? '', options.keyDelimiter)
      lines.push(value ?? '', '\n')
    }
  }
  const bytes = Buffer.concat(lines.map((part) => (typeof part === 'string' ? Buffer.from(part) : part)))
  if (!process.stdout.write(bytes)) await new Promise((resolve) => process.stdout.once('drain', resolve))
  return count
}
