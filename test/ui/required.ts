/** What `npm test` tells the ui suite of the tools that it made ready. */
export function required(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === '')
    throw new Error(`${name} is not set: start this suite with \`npm test -- --only ui\`.`);
  return value;
}
