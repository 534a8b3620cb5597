import { Command, Option } from 'commander'
import { createInterface } from 'node:readline'
import { connect, type CompressionName } from '../../core/index.ts'
import { bootstrapOption } from '../options.ts'
import { formatCount } from '../output.ts'

interface ProduceOptions {
  bootstrap: string
  keyDelimiter?: string
  acks: string
  compression: CompressionName
}

export function produceCommand(): Command {
  return new Command('produce')
    .description('Write the lines of standard input to a topic, one record a line.')
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
  moldau produce orders -K : -z zstd < orders.txt         lines like  alice:3 apples`,
    )
    .action(async (topic: string, options: ProduceOptions) => {
      const client = await connect(options.bootstrap)
      const producer = client.producer({
        acks: options.acks === 'all' ? 'all' : options.acks === '1' ? 1 : 0,
        idempotent: options.acks === 'all',
        compression: options.compression,
        batchBytes: 256 * 1024,
      })
      try {
        const partitions = await producer.partitions(topic)
        let count = 0
        for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
          const [key, value] = split(line, options.keyDelimiter)
          const partition = key === null ? count % partitions : producer.partitionFor(topic, key)
          producer.append(topic, partition, key, value, Date.now())
          count++
          if (count % 1000 === 0) await producer.ready()
        }
        await producer.flush()
        process.stderr.write(`${formatCount(count)} records to ${topic}\n`)
      } finally {
        await producer.close()
        await client.close()
      }
    })
}

function split(line: string, delimiter: string | undefined): [Buffer | null, Buffer] {
  const at = delimiter === undefined ? -1 : line.indexOf(delimiter)
  if (delimiter === undefined || at < 0) return [null, Buffer.from(line)]
  return [Buffer.from(line.slice(0, at)), Buffer.from(line.slice(at + delimiter.length))]
}
