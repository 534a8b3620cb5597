import { Command, Option } from 'commander'
import { MoldauError } from '../../core/base/errors.ts'
import type { CompressionName } from '../../core/index.ts'
import { withClient, type Client } from '../cluster.ts'
import { linesOf } from '../lines.ts'
import { bootstrapOption } from '../options.ts'
import { formatCount } from '../output.ts'

interface ProduceOptions {
  bootstrap: string
  keyDelimiter?: string
  acks: '0' | '1' | 'all'
  compression: CompressionName
}

export function produceCommand(): Command {
  return new Command('produce')
    .description('Write the lines of standard input to a topic, one record a line, byte for byte.')
    .argument('<topic>', 'made when missing, if the broker allows it')
    .addOption(bootstrapOption())
    .option('-K, --key-delimiter <text>', 'the text before the first <text> of a line is the key')
    .addOption(new Option('--acks <acks>', 'wait for none, the leader, or all replicas').choices(['0', '1', 'all']).default('all'))
    .addOption(new Option('-z, --compression <codec>', 'of the batches').choices(['none', 'gzip', 'snappy', 'lz4', 'zstd']).default('none'))
    .addHelpText(
      'after',
      `
Examples:
  echo hello | moldau produce greetings
  moldau produce orders -K : -z zstd < orders.txt         lines like  alice:3 apples

A line without the delimiter is a record without a key; an empty line is an empty record.`,
    )
    .action(async (topic: string, options: ProduceOptions) => {
      const count = await withClient(options.bootstrap, (client) => produce(client, topic, options))
      process.stderr.write(`${formatCount(count)} records to ${topic}\n`)
    })
}

async function produce(client: Client, topic: string, { acks, compression, keyDelimiter }: ProduceOptions): Promise<number> {
  const producer = client.producer({
    acks: acks === 'all' ? 'all' : acks === '1' ? 1 : 0,
    enableIdempotence: acks === 'all',
    compressionType: compression,
    batchSize: 256 * 1024,
  })
  const delimiter = keyDelimiter === undefined ? undefined : Buffer.from(keyDelimiter)
  let count = 0
  try {
    const partitions = await producer.partitions(topic)
    for await (const lines of linesOf(process.stdin)) {
      const now = Date.now()
      for (const line of lines) {
        const [key, value] = split(line, delimiter)
        const partition = key === null ? count % partitions : producer.partitionFor(topic, key)
        producer.append(topic, partition, key, value, now)
        count++
      }
      await producer.ready()
    }
    await producer.flush()
    return count
  } catch (cause) {
    if (cause instanceof MoldauError && cause.code === 'RECORD_TOO_LARGE') throw await tooLarge(cause, count, producer.flush())
    throw cause
  } finally {
    await producer.close()
  }
}

/** The lines before the one that is too large are written all the same: says so when they are. */
async function tooLarge(cause: MoldauError, count: number, flushed: Promise<void>): Promise<MoldauError> {
  await flushed
  const rest = `lines before it are written (${formatCount(count)}), it and those behind it are not`
  return new MoldauError('RECORD_TOO_LARGE', `line ${count + 1} of the input: ${cause.message}; ${rest}`, { cause })
}

function split(line: Buffer, delimiter: Buffer | undefined): [Buffer | null, Buffer] {
  const at = delimiter === undefined ? -1 : line.indexOf(delimiter)
  if (delimiter === undefined || at < 0) return [null, line]
  return [line.subarray(0, at), line.subarray(at + delimiter.length)]
}
