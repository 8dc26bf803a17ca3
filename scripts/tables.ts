// Writes a module of tables for a bundle to standard output, each as what it is made to be: tables.ts FILE

const made = (await import(process.argv[2]!)) as Record<string, unknown>;
for (const [name, table] of Object.entries(made))
  process.stdout.write(`export const ${name} = JSON.parse(${JSON.stringify(JSON.stringify(table))});\n`);
