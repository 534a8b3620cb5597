import { type Files, nodeFiles } from './files.ts'

const SYSTEM_BOOT_ID = '/proc/sys/kernel/random/boot_id'

/** Differs after each start of the machine; undefined where the system does not tell (it does on Linux). */
export function bootId(files: Files = nodeFiles): string | undefined {
  try {
    return files.readFile(SYSTEM_BOOT_ID)?.toString().trim()
  } catch {
    return undefined
  }
}
