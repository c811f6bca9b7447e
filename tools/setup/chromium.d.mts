/**
 * A Chromium that works, or undefined.
 * @returns the executable
 * @throws when $CHROMIUM names one that does not run
 */
export declare function findChromium(): string | undefined;
