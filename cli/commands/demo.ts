import { Command } from 'commander'
import { portNumber } from '../options.ts'

export function demoCommand(): Command {
  return new Command('demo')
    .description('Three million real flights through an embedded broker, an hourly window job and an exactly-once lake, with proof.')
    .option('-d, --dir <directory>', 'everything goes below it, the lake into <directory>/lake', './moldau-demo')
    .option('-p, --port <number>', 'TCP port of the broker, for a look with kcat; 0 takes a free one', portNumber, 0)
    .option('--input <file>', 'another .parquet or .avro file of flights')
    .option('--fresh', 'remove what an earlier demo left in <directory> and begin anew')
    .option('--keep', 'leave broker and pipelines running at the end, until Ctrl-C')
    .option('--json', 'print the result as JSON, one document')
    .addHelpText(
      'after',
      `
Examples:
  moldau demo                            in ./moldau-demo; takes about a minute
  moldau demo --dir /tmp/flights --keep  then look around: kcat, moldau topics, moldau groups
  moldau demo --fresh                    from the beginning again

Ctrl-C it, or kill -9 it, at any moment: the next start goes on where the last commit was and ends with the same proof.`,
    )
    .action(async (options: { dir: string; port: number; input?: string; fresh?: boolean; keep?: boolean; json?: boolean }) => {
      const { demo } = await import('../demo/demo.ts')
      await demo(options)
    })
}
