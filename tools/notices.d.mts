export declare function packagesOf(inputs: readonly string[]): string[];
export declare function notices(folder: string, packages: readonly string[]): string;
