import { Command } from 'commander'
import { readFileSync } from 'node:fs'
import { commandConfigOption } from './client-config.ts'
import { useCommandConfig } from './cluster.ts'
import { aclsCommand } from './commands/acls.ts'
import { brokerCommand } from './commands/broker.ts'
import { consumeCommand } from './commands/consume.ts'
import { demoCommand } from './commands/demo.ts'
import { groupsCommand } from './commands/groups.ts'
import { hdfsCommand } from './commands/hdfs.ts'
import { produceCommand } from './commands/produce.ts'
import { runCommand } from './commands/run.ts'
import { topicsCommand } from './commands/topics.ts'
import { typesCommand } from './commands/types.ts'
import { usersCommand } from './commands/users.ts'
import { packageFile } from './package-file.ts'

const commands = [
  brokerCommand,
  topicsCommand,
  produceCommand,
  consumeCommand,
  groupsCommand,
  usersCommand,
  aclsCommand,
  runCommand,
  typesCommand,
  hdfsCommand,
  demoCommand,
]

/** The command line, ready to parse. */
export function program(): Command {
  const { version } = JSON.parse(readFileSync(packageFile('package.json'), 'utf8')) as { version: string }

  const all = new Command('moldau')
    .description('A durable log that speaks the Kafka protocol, exactly-once connectors and stream processing, in one package.')
    .version(version)
    .addOption(commandConfigOption())
    .configureHelp({ showGlobalOptions: true })
    .hook('preAction', (root) => useCommandConfig((root.opts() as { commandConfig?: string }).commandConfig))
    .showHelpAfterError('(add --help for examples)')
    .showSuggestionAfterError()
    .addHelpText(
      'after',
      `
Examples:
  moldau demo                                      three million flights through broker, windows and lake, with proof
  moldau broker --port 9092 --dir ./data           a broker that kcat, Java and every Kafka client can use
  moldau topics --create flights --partitions 6
  echo hello | moldau produce flights
  moldau consume flights --from beginning
  moldau hdfs verify ./moldau-demo/lake            proves that each offset is in the lake exactly once

Each command has its own --help with examples. MOLDAU_DEBUG=1 shows the stack of an error.`,
    )
  for (const command of commands) adopt(all, command())
  return all
}

/** Suggestions and the hint at --help hold for commands of commands, too. */
function adopt(parent: Command, child: Command): void {
  parent.addCommand(child.copyInheritedSettings(parent))
  for (const grandchild of child.commands) grandchild.copyInheritedSettings(parent)
}
