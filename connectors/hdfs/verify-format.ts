import type { VerifiedTopic, VerifyReport } from './verify-report.ts'

const numbers = new Intl.NumberFormat('en-US')
const n = (value: number): string => numbers.format(value)

/**
 * The report as text, a line for each topic and each problem:
 * `verified: topic flights, 6 partitions, 3,000,000 offsets: 3,000,000 records in 742 files, each offset exactly once`
 */
export function formatVerify(report: VerifyReport): string {
  const lines = report.topics.map((topic) => `${report.ok ? 'verified' : 'checked'}: ${topicLine(topic, report.ok)}`)
  if (report.ok) return lines.join('\n')
  const count = report.problems.length
  return [...lines, `${n(count)} ${count === 1 ? 'problem' : 'problems'}:`, ...report.problems.map(({ message }) => `  ${message}`)].join(
    '\n',
  )
}

function topicLine(topic: VerifiedTopic, ok: boolean): string {
  const parts = [`${n(topic.records)} records in ${n(topic.files)} ${topic.files === 1 ? 'file' : 'files'}`]
  if (topic.holes > 0) parts.push(`${n(topic.holes)} control, aborted or compacted records`)
  if (topic.filtered > 0) parts.push(`${n(topic.filtered)} filtered`)
  if (topic.deadLettered > 0) parts.push(`${n(topic.deadLettered)} in dead letters`)
  if (topic.gapped > 0) parts.push(`${n(topic.gapped)} that the topic no longer had`)
  const resets = topic.resets > 0 ? `, started again ${n(topic.resets)} times` : ''
  const partitions = `${n(topic.partitions)} ${topic.partitions === 1 ? 'partition' : 'partitions'}`
  const end = ok ? ', each offset exactly once' : ''
  return `topic ${topic.topic}, ${partitions}, ${n(topic.offsets)} offsets: ${parts.join(' + ')}${resets}${end}`
}
