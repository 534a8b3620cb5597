import { Command } from 'commander'
import { MoldauError } from '../../core/base/errors.ts'
import { jsonOption } from '../options.ts'
import { formatBytes, printJson, printRows } from '../output.ts'

export function hdfsCommand(): Command {
  return new Command('hdfs')
    .description('Look at and prove what a sink has written to a lake, in HDFS (webhdfs:) or a local directory (file:).')
    .addCommand(verifyCommand())
    .addCommand(lsCommand())
    .addHelpText('after', '\nExamples:\n  moldau hdfs verify ./moldau-demo/lake\n  moldau hdfs ls ./moldau-demo/lake')
}

function verifyCommand(): Command {
  return new Command('verify')
    .description('Prove from the ledger and the files that each offset of each partition is in the lake exactly once.')
    .argument('<url>', 'the directory that the sink writes to, for example ./lake or webhdfs://namenode:9870/lake')
    .option('--topic <topic>', 'this topic only')
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
Examples:
  moldau hdfs verify ./moldau-demo/lake
  moldau hdfs verify webhdfs://nn1:9870,nn2:9870/lake --topic flights --json

It reads every file: checksums, record counts and the sums of offsets must agree with the ledger, and no file may lie
there that the ledger does not know. Ends with 1 and names each file, partition and offset when something is wrong.`,
    )
    .action(async (url: string, options: { topic?: string; json?: boolean }) => {
      const { progress } = await import('../progress.ts')
      const { formatVerify, verify } = await import('../../connectors/hdfs/index.ts')
      const bars = progress()
      const started = Date.now()
      const report = await verify({
        url,
        ...(options.topic === undefined ? {} : { topic: options.topic }),
        onProgress: ({ files, filesTotal }) => {
          const rate = files / Math.max(0.001, (Date.now() - started) / 1000)
          bars.update([{ name: 'files', value: files, total: filesTotal, rate, lag: filesTotal - files }])
        },
      })
      bars.close()
      if (options.json) printJson(report)
      else process.stdout.write(`${formatVerify(report)}\n`)
      if (!report.ok) process.exitCode = 1
    })
}

function lsCommand(): Command {
  return new Command('ls')
    .description('List what is in a lake: topics, partitions, offsets, files, bytes, age.')
    .argument('<url>', 'the directory that the sink writes to')
    .addOption(jsonOption())
    .addHelpText('after', '\nExamples:\n  moldau hdfs ls ./moldau-demo/lake\n  moldau hdfs ls ./moldau-demo/lake --json')
    .action(async (url: string, options: { json?: boolean }) => {
      const header = ['topic', 'partition', 'next offset', 'records', 'files', 'bytes', 'last commit']
      const { lakeInfo } = await import('../../connectors/hdfs/index.ts')
      const lake = await lakeInfo(url)
      if (lake.length === 0) {
        throw new MoldauError(
          'INPUT_MISSING',
          `${url}: nothing was ever committed there; give the directory that the sink was given as url`,
        )
      }
      printRows(options.json === true, lake, header, (row) => {
        return [row.topic, String(row.partition), row.next, row.records, row.files, formatBytes(row.bytes), age(row.at)]
      })
    })
}

function age(at: string | undefined): string {
  if (at === undefined) return 'never'
  const seconds = Math.max(0, Math.round((Date.now() - Date.parse(at)) / 1000))
  if (seconds < 120) return `${seconds} s ago`
  return seconds < 7200 ? `${Math.round(seconds / 60)} min ago` : `${Math.round(seconds / 3600)} h ago`
}
