/** The log was cut, deleted or closed meanwhile, or the cleaner stops: nothing is wrong, and what was not swapped in is thrown away. */
export class CleaningAborted extends Error {}

/** The disk failed between the names of the old segments and the new: the log serves what it should, and the next open sets the names right. */
export class SwapUnfinished extends Error {}
