/** A short text in place of a long one, of which nobody needs more than whether it is still the same. */

/**
 * 64 bits of a text: of 50,000 checkpoints the names, sizes and times of all files would be 8 MB. Not for what somebody may have
 * chosen to deceive: it is compared with an earlier one of the same folder.
 */
export function signatureOf(text: string): string {
  let [a, b] = [0x9e3779b9, 0x85ebca6b];
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    a = Math.imul(a ^ unit, 0x01000193);
    b = Math.imul(b ^ unit, 0x5bd1e995);
    b ^= b >>> 15;
  }
  return `${(a >>> 0).toString(36)}-${(b >>> 0).toString(36)}`;
}
