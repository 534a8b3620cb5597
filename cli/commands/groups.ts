import { Command } from 'commander'
import { MoldauError } from '../../core/base/errors.ts'
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

async function describe(admin: Admin, groupId: string, json: boolean): Promise<void> {
  const group = (await admin.describeGroups([groupId]))[0]!
  const committed = await admin.groupOffsets(groupId)
  // What is not there is described as dead, by every version of the protocol in its own way.
  if (group.state === 'Dead' && committed.length === 0) {
    throw new MoldauError('INVALID_ARGUMENT', `there is no group '${groupId}'; 'moldau groups' lists those there are`)
  }
  const ends = await admin.listOffsets(committed.map(({ topic, partition }) => ({ topic, partition, at: 'latest' as const })))
  const offsets = committed.map(({ topic, partition, offset }, i) => {
    const end = ends[i]!.offset
    return { topic, partition, offset, end, lag: end - offset }
  })
  if (json) {
    printJson({ ...group, offsets })
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
