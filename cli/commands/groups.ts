import { Command } from 'commander'
import { MoldauError } from '../../core/base/errors.ts'
import { AdminError } from '../../core/client/admin/admin-error.ts'
import type { GroupDescription } from '../../core/index.ts'
import { withClient, type Admin } from '../cluster.ts'
import { bootstrapOption, jsonOption } from '../options.ts'
import { formatTable, printJson, printRows } from '../output.ts'

export function groupsCommand(): Command {
  return new Command('groups')
    .description('List consumer groups, or show the members, offsets and lag of one.')
    .argument('[group]', 'the group to describe')
    .addOption(bootstrapOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
Examples:
  moldau groups                          every group and its state
  moldau groups archive                  members; offsets and lag by partition
  moldau groups archive --json`,
    )
    .action((group: string | undefined, { bootstrap, json = false }: { bootstrap: string; json?: boolean }) =>
      withClient(bootstrap, ({ admin }) => (group === undefined ? list(admin, json) : describe(admin, group, json))),
    )
}

async function list(admin: Admin, json: boolean): Promise<void> {
  printRows(json, await admin.listGroups(), ['group', 'state', 'protocol'], (g) => [g.groupId, g.state, g.protocolType])
}

async function find(admin: Admin, groupId: string): Promise<GroupDescription> {
  try {
    return (await admin.describeConsumerGroups([groupId]))[0]!
  } catch (cause) {
    if (!(cause instanceof AdminError) || cause.kafkaCode !== 'GROUP_ID_NOT_FOUND') throw cause
    throw new MoldauError('INVALID_ARGUMENT', `there is no group '${groupId}'; 'moldau groups' lists those there are`, { cause })
  }
}

async function describe(admin: Admin, groupId: string, json: boolean): Promise<void> {
  const group = await find(admin, groupId)
  const committed = await admin.listConsumerGroupOffsets(groupId)
  const ends = await admin.listOffsets(committed.map(({ topic, partition }) => ({ topic, partition, at: 'latest' as const })))
  const offsets = committed.map(({ topic, partition, offset }, i) => {
    const end = ends[i]!.offset
    return { topic, partition, offset, end, lag: end - offset }
  })
  if (json) {
    const { state, type, protocolType, protocol } = group
    const members = group.members.map(({ memberId, groupInstanceId, clientId, clientHost, assignment }) => {
      return { memberId, groupInstanceId, clientId, clientHost, assignment }
    })
    printJson({ groupId, state, type, protocolType, protocol, members, offsets })
    return
  }
  process.stdout.write(`group ${groupId}: ${group.state}, ${group.members.length} members\n`)
  if (group.members.length > 0) {
    const members = group.members.map((m) => [m.memberId, m.clientHost, m.assignment.map((tp) => `${tp.topic}-${tp.partition}`).join(' ')])
    process.stdout.write(`${formatTable(['member', 'host', 'partitions'], members)}\n`)
  }
  printRows(false, offsets, ['topic', 'partition', 'committed', 'end', 'lag'], (row) => {
    return [row.topic, String(row.partition), row.offset, row.end, row.lag]
  })
}
