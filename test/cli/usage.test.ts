import test from 'ava'
import type { Command } from 'commander'

import { program } from '../../cli/program.ts'
import { moldau } from '../support/run-command.ts'

/** Every command with those below it; none of them ends this process or writes to its output. */
function tamed(): Command[] {
  const root = program()
  const all = [root, ...root.commands, ...root.commands.flatMap((command) => command.commands)]
  for (const command of all) command.exitOverride().configureOutput({ writeOut: () => {}, writeErr: () => {} })
  return all
}

const refused: [string, RegExp][] = [
  ['topics --create a --delete b', /--create <topic>' cannot be used with option '--delete/],
  ['topics --describe a --all', /--describe <topic>' cannot be used with option '--all/],
  ['topics --partitions 3', /--partitions and --config belong to --create/],
  ['topics --create a --partitions many', /--partitions must be a whole number of at least 1, not 'many'/],
  ['topics --create a -c retention.ms', /'retention\.ms' is not of the form name=value/],
  ['consume a --from start', /--from takes 'beginning', 'end' or an offset, not 'start'/],
  ['consume a --from -7', /--from takes 'beginning', 'end' or an offset, not '-7'/],
  ['consume a --from 7 --group g', /--from 7 contradicts --group/],
  ['consume a --from end --exit', /--from end with --exit prints nothing/],
  ['consume a --json -K :', /--key-delimiter <text>' cannot be used with option '--json'/],
  ['consume a --count 0', /--count must be a whole number of at least 1/],
  ['produce a -z rar', /Allowed choices are none, gzip, snappy, lz4, zstd/],
  ['produce', /missing required argument 'topic'/],
  ['run jobs.ts --embedded d --bootstrap b:1', /--embedded brings its own broker/],
  ['acls --allow User:a --deny User:b -o read --topic t', /--allow <principal>' cannot be used with option '--deny/],
  ['acls --deny User:a --delete', /--deny <principal>' cannot be used with option '--delete/],
  ['acls --allow User:a --principal User:b', /--allow <principal>' cannot be used with option '--principal/],
  ['acls --allow User:a --topic t', /say what may be done with what: -o read --topic orders/],
  ['acls -o fly', /there is no operation 'fly'; there are all, read/],
  ['acls --delete', /this would take away every entry/],
  ['users --set', /name the user/],
  ['broker --port 70000', /--port must be a whole number from 0 to 65535, not '70000'/],
  ['broker --log-level loud', /Allowed choices are trace, debug/],
  ['consum a', /Did you mean consume\?/],
  ['topics --creat a', /Did you mean --create\?/],
  ['hdfs verfy a', /Did you mean verify\?/],
]

test('what is unknown or contradicts itself is refused by name before anything is done', async (t) => {
  for (const [line, message] of refused) {
    const error = await t.throwsAsync(tamed()[0]!.parseAsync(line.split(' '), { from: 'user' }), undefined, line)
    t.regex(error!.message, message, line)
  }
})

test('an error of usage ends with 1 and points to the examples', async (t) => {
  for (const args of [
    ['consum', 'a'],
    ['topics', '--creat', 'a'],
    ['hdfs', 'verfy'],
  ]) {
    const done = await moldau(args)
    t.is(done.code, 1)
    t.regex(done.stderr, /^error: .*\n\(Did you mean .*\?\)\n\(add --help for examples\)\n$/)
  }
})

test('the help of every command has examples', (t) => {
  const commands = tamed()
  t.true(commands.length > 10)
  for (const command of commands) {
    let help = ''
    command.configureOutput({ writeOut: (text) => (help += text) })
    t.throws(() => command.help(), { code: 'commander.help' })
    t.regex(help, /\nExamples:\n {2}\S/, command.name())
  }
})

test('the command says its version and its help', async (t) => {
  t.regex((await moldau(['--version'])).stdout, /^\d+\.\d+\.\d+\n$/)
  const help = await moldau(['--help'])
  t.is(help.code, 0)
  t.regex(help.stdout, /Usage: moldau/)
})
