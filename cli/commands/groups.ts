import { Command } from 'commander'
import { connect } from '../../core/index.ts'
import { bootstrapOption, jsonOption } from '../options.ts'
import { formatTable, printJson } from '../output.ts'

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
  moldau groups archive                  offsets and lag by partition
  moldau groups archive --json`,
    )
    .action(async (group: string | undefined, options: { bootstrap: string; json?: boolean }) => {
      const client = await connect(options.bootstrap)
      try {
        if (group === undefined) await list(client, options.json === true)
        else await describe(client, group, options.json === true)
      } finally {
        await client.close()
      }
    })
}

type Client = Awaited<ReturnType<typeof connect>>

async function list({ admin }: Client, json: boolean): Promise<void> {
  const groups = await admin.listGroups()
  if (json) for (const row of groups) printJson(row)
  else
    process.stdout.write(
      `${formatTable(
        ['group', 'state', 'protocol'],
        groups.map((g) => [g.groupId, g.state, g.protocolType]),
      )}\n`,
    )
}

async function describe({ admin }: Client, groupId: string, json: boolean): Promise<void> {
  const [group] = await admin.describeGroups([groupId])
  const offsets = await admin.groupOffsets(groupId)
  const ends = await admin.listOffsets(offsets.map(({ topic, partition }) => ({ topic, partition, at: 'latest' as const })))
  const rows = offsets.map((committed, i) => ({
    topic: committed.topic,
    partition: committed.partition,
    offset: committed.offset,
    end: ends[i]!.offset,
    lag: ends[i]!.offset - committed.offset,
  }))
  if (json) {
    printJson({ ...group, offsets: rows })
    return
  }
  process.stdout.write(`group ${groupId}: ${group!.state}, ${group!.members.length} members\n`)
  const cells = rows.map((row) => [row.topic, String(row.partition), row.offset, row.end, row.lag])
  process.stdout.write(`${formatTable(['topic', 'partition', 'committed', 'end', 'lag'], cells)}\n`)
}
