/** The public face of file sources. */
export { files, type FileRecord, type FilesOptions, type FilesSource } from './files.ts'
