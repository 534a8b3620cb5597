import { type Files, type OpenFile, nodeFiles } from '../../core/base/files.ts'

/** What was done to files, by the end of their names. */
export interface FileCounts {
  opens: number
  writes: number
  bytesWritten: number
  reads: number
  bytesRead: number
  syncs: number
}

/** The machine's disk, counting what is asked of files whose names end in `suffix`. */
export function countingFiles(suffix: string): { files: Files; counts: FileCounts } {
  const counts: FileCounts = { opens: 0, writes: 0, bytesWritten: 0, reads: 0, bytesRead: 0, syncs: 0 }
  const open: Files['open'] = (path, mode) => {
    const file = nodeFiles.open(path, mode)
    if (!path.endsWith(suffix)) return file
    counts.opens++
    return counting(file, counts)
  }
  return { files: { ...nodeFiles, open }, counts }
}

function counting(file: OpenFile, counts: FileCounts): OpenFile {
  return {
    path: file.path,
    size: () => file.size(),
    read(buffer, at, length, position) {
      const bytes = file.read(buffer, at, length, position)
      counts.reads++
      counts.bytesRead += bytes
      return bytes
    },
    write(chunks, position) {
      counts.writes++
      for (const { length } of chunks) counts.bytesWritten += length
      file.write(chunks, position)
    },
    truncate: (size) => file.truncate(size),
    sync() {
      counts.syncs++
      return file.sync()
    },
    close: () => file.close(),
  }
}
