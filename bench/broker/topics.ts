import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'moldau/core'
import { RawConnection } from './raw-connection.ts'
import { fetchFrame, fetched } from './requests.ts'
import type { Contender, Settings } from './servers.ts'

const READY_MS = 120_000
const DELETE_DELAY_MS = 100

/** Makes a topic, waiting for a broker that has just begun to listen. What is deleted goes at once: the disk of a bench fills quickly. */
export async function createTopic(server: Contender, name: string, partitions: number, settings: Settings = {}): Promise<void> {
  const configs = { 'file.delete.delay.ms': String(DELETE_DELAY_MS), ...settings }
  await withAdmin(server, (admin) => admin.createTopics([{ name, partitions, configs }]))
  await untilServed(server, name, partitions)
}

/** A partition may be written down before it is served: asks each of them until it answers. */
async function untilServed(server: Contender, name: string, partitions: number): Promise<void> {
  const connection = await RawConnection.open(server.bootstrap)
  for (let partition = 0; partition < partitions;) {
    const answer = new Promise<boolean>((resolve, reject) => {
      connection.onLost = reject
      connection.onAnswer = (head) => {
        try {
          resolve(fetched(head, name) >= 0)
        } catch {
          resolve(false)
        }
      }
    })
    connection.write(fetchFrame(name, partition, 0, 0))
    if (await answer) partition++
    else await new Promise((resolve) => setTimeout(resolve, 20))
  }
  connection.close()
}

export async function deleteTopic(server: Contender, name: string): Promise<void> {
  await withAdmin(server, (admin) => admin.deleteTopics([name]))
}

type Admin = Awaited<ReturnType<typeof connect>>['admin']

async function withAdmin(server: Contender, work: (admin: Admin) => Promise<unknown>): Promise<void> {
  const patience = performance.now() + READY_MS
  for (;;) {
    const client = await connect(server.bootstrap)
    try {
      await work(client.admin)
      return
    } catch (error) {
      if (performance.now() > patience) throw error
      await new Promise((resolve) => setTimeout(resolve, 100))
    } finally {
      await client.close()
    }
  }
}

let numbers = 0

/** A name that was not used before; all have the same length. */
export function freshTopic(): string {
  return `bench-${String(++numbers).padStart(4, '0')}`
}

/**
 * Writes and removes a file as big as what a broker is about to write. On a virtual machine the first touch of memory costs ten times as
 * much as writing to it, and whoever comes first pays: this way it is nobody who is measured.
 */
export async function touchMemory(bytes: number): Promise<void> {
  // What the round before has written is going, and its memory is what the next one gets.
  await new Promise((resolve) => setTimeout(resolve, 2 * DELETE_DELAY_MS))
  const dir = await mkdtemp(join(tmpdir(), 'moldau-bench-'))
  const file = await open(join(dir, 'memory'), 'w')
  const chunk = Buffer.alloc(1024 * 1024, 'x')
  for (let written = 0; written < bytes; written += chunk.length) await file.write(chunk)
  await file.close()
  await rm(dir, { recursive: true })
}
