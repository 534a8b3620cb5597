/** The public face of file sources. */
export { files, type FileRecord, type FilesOptions, type FilesPosition, type FilesSource } from './files.ts'
