import { readFileSync } from 'node:fs'

import { Command, Option } from 'commander'

import { MoldauError } from '../../core/base/errors.ts'
import type { ScramMechanism } from '../../core/security/scram.ts'
import { scramMechanisms } from '../../core/security/scram.ts'
import { withClient } from '../cluster.ts'
import { bootstrapOption, jsonOption, wholeNumber } from '../options.ts'
import { printRows } from '../output.ts'

const mechanisms = Object.keys(scramMechanisms) as ScramMechanism[]

interface Options {
  bootstrap: string
  json?: boolean
  set?: boolean
  delete?: boolean
  passwordFile?: string
  mechanism?: ScramMechanism
  iterations?: number
}

export function usersCommand(): Command {
  return new Command('users')
    .description('List who can log in by SCRAM, set passwords, take users away.')
    .argument('[user]', 'the user to show or change')
    .addOption(bootstrapOption())
    .addOption(jsonOption())
    .option('--set', 'set the password; it is read from --password-file, or from standard input')
    .option('--delete', 'take the user away; who is logged in stays so')
    .option('--password-file <file>', 'file with the password in its first line')
    .addOption(new Option('--mechanism <name>', 'one mechanism instead of all').choices(mechanisms))
    .option('--iterations <number>', 'how slow guessing is made, 4096 to 16384', wholeNumber('--iterations', 4096, 16_384))
    .addHelpText(
      'after',
      `
Examples:
  moldau users                                          who can log in, and how
  echo "$PASSWORD" | moldau users alice --set           the password is never an argument: others could see it
  moldau users alice --set --password-file alice.txt --mechanism SCRAM-SHA-512
  moldau users alice --delete

Only the salted hash of a password leaves this program.`,
    )
    .action((user: string | undefined, options: Options) => (options.set || options.delete ? change(user, options) : list(user, options)))
}

async function list(user: string | undefined, { bootstrap, json = false }: Options): Promise<void> {
  await withClient(bootstrap, async ({ admin }) => {
    const users = await admin.describeUserScramCredentials(user === undefined ? undefined : [user])
    const rows = users.flatMap(({ user: name, credentials }) => credentials.map((each) => ({ user: name, ...each })))
    printRows(json, rows, ['user', 'mechanism', 'iterations'], (row) => [row.user, row.mechanism, row.iterations])
  })
}

async function change(user: string | undefined, options: Options): Promise<void> {
  if (user === undefined) throw new MoldauError('INVALID_ARGUMENT', 'name the user: moldau users alice --set')
  if (options.set && options.delete) throw new MoldauError('INVALID_ARGUMENT', 'either --set or --delete')
  const password = options.set ? readPassword(options.passwordFile) : ''
  await withClient(options.bootstrap, async ({ admin }) => {
    if (options.set) {
      const iterations = options.iterations === undefined ? {} : { iterations: options.iterations }
      await admin.alterUserScramCredentials(chosen(options).map((mechanism) => ({ user, password, mechanism, ...iterations })))
      process.stdout.write(`${user} can log in by ${chosen(options).join(', ')}\n`)
      return
    }
    const [known] = await admin.describeUserScramCredentials([user])
    const gone = known!.credentials.map(({ mechanism }) => mechanism).filter((mechanism) => chosen(options).includes(mechanism))
    await admin.alterUserScramCredentials(gone.map((mechanism) => ({ user, mechanism, delete: true })))
    process.stdout.write(`${user} cannot log in by ${gone.join(', ')} any more\n`)
  })
}

function chosen({ mechanism }: Options): readonly ScramMechanism[] {
  return mechanism === undefined ? mechanisms : [mechanism]
}

function readPassword(file: string | undefined): string {
  if (file === undefined && process.stdin.isTTY) {
    throw new MoldauError('INVALID_ARGUMENT', 'give the password on standard input, or in a file: --password-file')
  }
  const [password] = readFileSync(file ?? 0, 'utf8').split(/\r?\n/)
  if (password === undefined || password === '') throw new MoldauError('INVALID_ARGUMENT', 'the password is empty')
  return password
}
