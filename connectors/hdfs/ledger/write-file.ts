import type { FileSystem } from '../fs/types.ts'

/** Writes a whole small file under a new name. */
export async function writeFile(fs: FileSystem, path: string, content: Buffer): Promise<void> {
  const writer = await fs.create(path)
  try {
    await writer.write([content])
    await writer.close()
  } catch (error) {
    await writer.abandon()
    throw error
  }
}
