import { Command, Option } from 'commander'

import { MoldauError } from '../../core/base/errors.ts'
import type { Acl, AclSelection } from '../../core/client/admin/types.ts'
import { CLUSTER_NAME, operations } from '../../core/security/acl.ts'
import type { Operation } from '../../core/security/acl.ts'
import { withClient } from '../cluster.ts'
import { bootstrapOption, jsonOption } from '../options.ts'
import { printRows } from '../output.ts'

interface Options {
  bootstrap: string
  json?: boolean
  allow?: string
  deny?: string
  delete?: boolean
  principal?: string
  operation?: Operation[]
  topic?: string
  group?: string
  transactionalId?: string
  cluster?: boolean
  prefixed?: boolean
  host?: string
}

const names = Object.keys(operations).filter((name) => name !== 'any')

export function aclsCommand(): Command {
  return new Command('acls')
    .description('List who may do what, allow or deny something, take entries away.')
    .addOption(bootstrapOption())
    .addOption(jsonOption())
    .addOption(
      new Option('--allow <principal>', 'add entries that allow, for User:alice or User:*').conflicts(['deny', 'delete', 'principal']),
    )
    .addOption(
      new Option('--deny <principal>', 'add entries that deny; one of these outweighs all that allow').conflicts(['delete', 'principal']),
    )
    .option('--delete', 'take away what the other options describe; entries of one user by --principal')
    .option('--principal <principal>', 'list or take away entries of one')
    .option('-o, --operation <name>', `what may be done; may be repeated: ${names.join(', ')}`, collect)
    .option('--topic <name>', "with a topic; '*' stands for all")
    .option('--group <name>', 'with a consumer group')
    .option('--transactional-id <name>', 'with a transactional id')
    .option('--cluster', 'with the cluster')
    .option('--prefixed', 'with all names that begin so')
    .addOption(new Option('--host <address>', 'from one address only'))
    .addHelpText(
      'after',
      `
Examples:
  moldau acls                                                             every entry
  moldau acls --allow User:alice -o write --topic orders                  alice produces
  moldau acls --allow User:bob -o read --topic orders                     bob consumes: the topic ...
  moldau acls --allow User:bob -o read --group reports --prefixed         ... and groups whose names begin with reports
  moldau acls --deny User:eve -o all --topic '*'
  moldau acls --delete --principal User:bob                               whatever bob may do`,
    )
    .action(run)
}

function collect(name: string, sofar: Operation[] = []): Operation[] {
  const known = names.find((each) => each.toLowerCase() === name.toLowerCase().replaceAll(/[_-]/g, ''))
  if (known === undefined) throw new MoldauError('INVALID_ARGUMENT', `there is no operation '${name}'; there are ${names.join(', ')}`)
  return [...sofar, known as Operation]
}

async function run(options: Options): Promise<void> {
  const principal = options.allow ?? options.deny
  if (principal !== undefined) {
    const acls = entries(principal, options)
    await withClient(options.bootstrap, ({ admin }) => admin.createAcls(acls))
    print(acls, options)
    return
  }
  const which = selections(options)
  const found = await withClient(options.bootstrap, async ({ admin }) => {
    if (options.delete) return admin.deleteAcls(which)
    return (await Promise.all(which.map((selection) => admin.describeAcls(selection)))).flat()
  })
  print(found, options)
}

function resources(options: Options): { resourceType: Acl['resourceType']; resourceName: string }[] {
  const { topic, group, transactionalId, cluster } = options
  return [
    ...(topic === undefined ? [] : [{ resourceType: 'topic' as const, resourceName: topic }]),
    ...(group === undefined ? [] : [{ resourceType: 'group' as const, resourceName: group }]),
    ...(transactionalId === undefined ? [] : [{ resourceType: 'transactionalId' as const, resourceName: transactionalId }]),
    ...(cluster ? [{ resourceType: 'cluster' as const, resourceName: CLUSTER_NAME }] : []),
  ]
}

function entries(principal: string, options: Options): Acl[] {
  const which = resources(options)
  const { operation: done = [] } = options
  if (which.length === 0 || done.length === 0) {
    throw new MoldauError('INVALID_ARGUMENT', 'say what may be done with what: -o read --topic orders')
  }
  return which.flatMap((resource) =>
    done.map((operation) => ({
      ...resource,
      patternType: options.prefixed && resource.resourceType !== 'cluster' ? ('prefixed' as const) : ('literal' as const),
      principal,
      host: options.host ?? '*',
      operation: operation as Acl['operation'],
      permission: options.deny === undefined ? ('allow' as const) : ('deny' as const),
    })),
  )
}

function selections(options: Options): AclSelection[] {
  const common: AclSelection = {
    ...(options.principal !== undefined && { principal: options.principal }),
    ...(options.host !== undefined && { host: options.host }),
    ...(options.prefixed && { patternType: 'prefixed' as const }),
  }
  const which: AclSelection[] = resources(options).length === 0 ? [{}] : resources(options)
  const done: AclSelection[] =
    options.operation === undefined ? [{}] : options.operation.map((operation) => ({ operation: operation as Acl['operation'] }))
  const all = which.flatMap((resource) => done.map((each) => ({ ...common, ...resource, ...each })))
  if (options.delete && Object.keys(all[0]!).length === 0) {
    throw new MoldauError('INVALID_ARGUMENT', 'this would take away every entry: say which, for example --principal User:bob')
  }
  return all
}

function print(acls: readonly Acl[], { json = false }: Options): void {
  printRows(json, acls, ['principal', 'permission', 'operation', 'resource', 'name', 'pattern', 'host'], (acl) => [
    acl.principal,
    acl.permission ?? 'allow',
    acl.operation,
    acl.resourceType,
    acl.resourceName,
    acl.patternType ?? 'literal',
    acl.host ?? '*',
  ])
}
