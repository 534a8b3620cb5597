import { Command } from 'commander'

export function typesCommand(): Command {
  return new Command('types')
    .description('Write TypeScript for Avro schemas: interfaces of what is read and written, and a serde for each schema.')
    .argument('<files...>', 'files of JSON (.avsc); they may mention each other’s types, and have several schemas in an array')
    .option('--out <file>', 'write it there, in place of standard output')
    .addHelpText(
      'after',
      `
Examples:
  moldau types flight.avsc                               prints it
  moldau types schemas/*.avsc --out schemas.ts           all of them in one file

  import { flightSerde } from './schemas.ts'
  const flights = topic('flights', { key: string, value: flightSerde })`,
    )
    .action(async (files: readonly string[], options: { out?: string }) => {
      const { writeTypes } = await import('../types/write-types.ts')
      await writeTypes(files, options.out)
    })
}
