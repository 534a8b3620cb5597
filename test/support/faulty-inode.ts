/** What the disk moves at once: a write may be torn between two of them. */
const SECTOR_BYTES = 512

/** The content of a file as programs see it, and as the disk has it. */
export class Inode {
  #buffer: Buffer
  #size: number
  /** As it is after a power loss. */
  #synced: Buffer
  /** Sectors written since the last sync. */
  readonly #dirty: Set<number>

  constructor(content: Buffer = Buffer.alloc(0)) {
    this.#buffer = Buffer.from(content)
    this.#size = content.length
    this.#synced = Buffer.from(content)
    this.#dirty = new Set()
  }

  get size(): number {
    return this.#size
  }

  /** Live: a change to it changes the file. */
  get data(): Buffer {
    return this.#buffer.subarray(0, this.#size)
  }

  get syncedSize(): number {
    return this.#synced.length
  }

  write(bytes: Buffer, position: number): void {
    const end = position + bytes.length
    if (end > this.#buffer.length) {
      const larger = Buffer.alloc(Math.max(end, this.#buffer.length * 2))
      larger.set(this.data)
      this.#buffer = larger
    }
    if (position > this.#size) this.#buffer.fill(0, this.#size, position)
    this.#buffer.set(bytes, position)
    this.#mark(Math.min(position, this.#size), end)
    this.#size = Math.max(this.#size, end)
  }

  truncate(size: number): void {
    if (size > this.#size) return this.write(Buffer.alloc(size - this.#size), this.#size)
    this.#size = size
    for (const sector of this.#dirty) if (sector * SECTOR_BYTES >= size) this.#dirty.delete(sector)
  }

  sync(): void {
    const synced = Buffer.alloc(this.#size)
    synced.set(this.#synced.subarray(0, this.#size))
    this.#synced = synced
    for (const sector of this.#dirty) this.#toDisk(sector, this.#synced)
    this.#dirty.clear()
  }

  /** What Linux does when it cannot write: the pages count as written, and stay in memory as long as it likes. */
  failSync(): void {
    this.#dirty.clear()
  }

  /** Memory was needed elsewhere: what counts as written comes from the disk again. */
  evict(): void {
    const data = Buffer.alloc(this.#size)
    data.set(this.#synced.subarray(0, this.#size))
    for (const sector of this.#dirty) this.#toDisk(sector, data)
    this.#buffer = data
  }

  /** As the last sync left it, and `keep` of the bytes that were added since. */
  losePower(keep: (unsynced: number) => number): void {
    const added = this.#size - this.#synced.length
    const survivor = Buffer.alloc(added > 0 ? this.#synced.length + keep(added) : this.#synced.length)
    survivor.set(this.data.subarray(0, survivor.length))
    survivor.set(this.#synced)
    this.#become(survivor)
  }

  /** Of the sectors written since the last sync any may have reached the disk, later ones without earlier ones, and any of the new size. */
  tear(random: () => number): void {
    const [least, most] = [Math.min(this.#size, this.#synced.length), Math.max(this.#size, this.#synced.length)]
    const size =
      this.#size === this.#synced.length ? this.#size : random() < 0.5 ? this.#size : least + Math.floor(random() * (most - least + 1))
    const survivor = Buffer.alloc(size)
    survivor.set(this.#synced.subarray(0, size))
    const share = random()
    for (const sector of this.#dirty) if (random() < share) this.#toDisk(sector, survivor)
    this.#become(survivor)
  }

  /** The same, with what is synced and what is not. */
  twin(): Inode {
    const twin = new Inode(this.data)
    twin.#synced = Buffer.from(this.#synced)
    for (const sector of this.#dirty) twin.#dirty.add(sector)
    return twin
  }

  copy(): Inode {
    return new Inode(this.data)
  }

  #become(content: Buffer): void {
    this.#buffer = Buffer.from(content)
    this.#size = content.length
    this.#synced = content
    this.#dirty.clear()
  }

  #toDisk(sector: number, disk: Buffer): void {
    const from = sector * SECTOR_BYTES
    if (from < disk.length) disk.set(this.data.subarray(from, Math.min(from + SECTOR_BYTES, disk.length)), from)
  }

  #mark(from: number, to: number): void {
    for (let sector = Math.floor(from / SECTOR_BYTES); sector * SECTOR_BYTES < to; sector++) this.#dirty.add(sector)
  }
}
