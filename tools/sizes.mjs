/** What each bundle is made of, largest first: `npm run sizes`. */
const SHOWN = 10;

/**
 * A text for people: per bundle its size and the inputs that take most of it, in kB of 1,000 bytes.
 * @param {readonly import('esbuild').Metafile[]} metafiles
 */
export function sizes(metafiles) {
  const outputs = metafiles.flatMap((metafile) => Object.entries(metafile.outputs));
  return outputs
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([file, { bytes, inputs }]) => {
      const largest = Object.entries(inputs).sort(([, a], [, b]) => b.bytesInOutput - a.bytesInOutput);
      const rest = largest.slice(SHOWN).reduce((sum, [, { bytesInOutput }]) => sum + bytesInOutput, 0);
      return [
        `${kB(bytes)} ${file}, of ${largest.length} files`,
        ...largest.slice(0, SHOWN).map(([input, { bytesInOutput }]) => `  ${kB(bytesInOutput)} ${input}`),
        ...(rest > 0 ? [`  ${kB(rest)} the others`] : []),
      ].join('\n');
    })
    .join('\n\n');
}

const kB = (bytes) => `${(bytes / 1000).toFixed(1).padStart(7)} kB`;
