/** Settings of the demo's VS Code: no questions that are not about the demo. */
export declare const DEMO_SETTINGS: Readonly<Record<string, unknown>>;

/** The setting that names the interpreter with PyTorch; of scope machine. */
export declare function interpreterSettings(python: string): Readonly<Record<string, unknown>>;
