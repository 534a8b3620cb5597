import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { formatVerify, verify } from '../../connectors/hdfs/index.ts'
import { numbersIn } from '../support/ledger-lake.ts'

/**
 * Real processes on a real disk: writers of one lake are killed with -9 at random, stopped while another takes over, and continued as
 * zombies; then the lake is audited record by record.
 *
 *   node --conditions=moldau-source test/soak/lake-kill.ts [kills, default 500]
 */
const kills = Number(process.argv[2] ?? 500)
const RECORDS = 1000 * kills
const directory = mkdtempSync(join(tmpdir(), 'moldau-kill-'))
const script = join(import.meta.dirname, '../support/ledger-lake-writer.ts')

function writer(): ChildProcess {
  return spawn(process.execPath, ['--conditions=moldau-source', script, directory, String(RECORDS)], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
}

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
const ended = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
}

let failed = false
const watched = (child: ChildProcess): ChildProcess => child.once('exit', (code) => (failed ||= code !== 0 && code !== null))
for (let round = 1; round <= kills && !failed; round++) {
  const child = watched(writer())
  await wait(250 + Math.random() * 350)
  if (round % 5 === 0) {
    // A zombie: stopped, overtaken, continued, killed later.
    child.kill('SIGSTOP')
    const successor = watched(writer())
    await wait(300 + Math.random() * 300)
    child.kill('SIGCONT')
    await wait(Math.random() * 100)
    successor.kill('SIGKILL')
    await ended(successor)
  }
  child.kill('SIGKILL')
  await ended(child)
  if (round % 50 === 0) console.log(`${round} kills`)
}
const last = watched(writer())
await ended(last)
const report = await verify({ url: directory })
console.log(formatVerify(report))
const numbers = await numbersIn(directory)
const exact = numbers.length === RECORDS && numbers.every((n, i) => n === i)
console.log(
  exact && report.ok && !failed ? `${kills} kills: every record once` : `FAILED: ${numbers.length} records of ${RECORDS}, see ${directory}`,
)
if (exact && report.ok && !failed) rmSync(directory, { recursive: true })
else process.exitCode = 1
