// Prints src/main/cli/options.ts as a C header: the launcher's option table. Run by native/Makefile.

import { CODE_FAILED, type Command, commands, type Flag, globalFlags } from "../src/main/cli/options.ts";

const everyCommand = (1 << commands.length) - 1;
const flags = new Map<string, { flag: Flag; mask: number }>();

function add(flag: Flag, mask: number): void {
  const known = flags.get(flag.name);
  if (known) known.mask |= mask;
  else flags.set(flag.name, { flag, mask });
}

for (const flag of globalFlags) add(flag, everyCommand);
commands.forEach((command: Command, index) => {
  for (const flag of command.flags) add(flag, 1 << index);
});

const constant = (name: string) => name.toUpperCase().replaceAll("-", "_");
const text = (value: string | undefined) => (value === undefined ? "NULL" : JSON.stringify(value));
const lines = [
  "// Generated from src/main/cli/options.ts by scripts/option_header.ts.",
  "#ifndef RINGFENCE_OPTIONS_GENERATED_H",
  "#define RINGFENCE_OPTIONS_GENERATED_H",
  "",
  "// X(identifier, name, short name, type, commands that take it, choices, default)",
  "#define RF_OPTIONS(X) \\",
];
const rows = [...flags.values()].map(({ flag, mask }) => {
  const fallback = flag.default === undefined ? undefined : String(flag.default);
  const cells = [
    constant(flag.name),
    text(flag.name),
    text(flag.alias),
    `OPTION_TYPE_${constant(flag.type)}`,
    `0x${mask.toString(16)}`,
    text(flag.choices?.join(",")),
    text(fallback),
  ];
  return `  X(${cells.join(", ")})`;
});
lines.push(rows.join(" \\\n"), "");
lines.push(
  "// X(identifier, name, positional arguments at least, at most, has a guest command: 0 no, 1 yes, 2 maybe, 3 the rest, exit code of failures)",
  "#define RF_COMMANDS(X) \\",
);
lines.push(
  commands
    .map(
      ({ name, positionals, takesCommand, failureCode }) =>
        `  X(${[
          constant(name),
          text(name),
          positionals.filter((word) => !word.startsWith("[")).length,
          positionals.length,
          { false: 0, true: 1, optional: 2, rest: 3 }[String(takesCommand)],
          failureCode ?? CODE_FAILED,
        ].join(", ")})`,
    )
    .join(" \\\n"),
  "",
  "#endif",
);
process.stdout.write(`${lines.join("\n")}\n`);
