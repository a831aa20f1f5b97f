/** What a place holds: how many values, and a sum over all of them that does not depend on their order. */
export interface Contents {
  readonly count: number;
  readonly checksum: number;
}

/** FNV-1a, 32 bits. A million of them stay below 2^53. */
function hash(text: string): number {
  let state = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) state = Math.imul(state ^ text.charCodeAt(i), 0x01000193);
  return state >>> 0;
}

/** Of texts, one for each value. A value that is there twice counts twice. */
export function contentsOf(texts: Iterable<string>): Contents {
  let count = 0;
  let checksum = 0;
  for (const text of texts) {
    count++;
    checksum += hash(text);
  }
  return { count, checksum };
}

export function sameContents(left: Contents, right: Contents): boolean {
  return left.count === right.count && left.checksum === right.checksum;
}
