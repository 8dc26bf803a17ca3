// Writes src/shared/abi/struct_code.ts's contents for a bundle to standard output: for each structure a function that
// reads it and one that writes it, field by field, with every name and offset in its place.

import { join } from "node:path";
import type { Type } from "../src/shared/abi/struct.ts";
import { STRUCTS } from "../src/shared/abi/structs.ts";

const GETTERS: Readonly<Record<string, string>> = {
  u8: "view.getUint8(AT)",
  i8: "view.getInt8(AT)",
  u16: "view.getUint16(AT, true)",
  i16: "view.getInt16(AT, true)",
  be16: "view.getUint16(AT, false)",
  u32: "view.getUint32(AT, true)",
  i32: "view.getInt32(AT, true)",
  u64: "readU64(view, AT)",
  i64: "readI64(view, AT)",
  word64: "{ lo: view.getUint32(AT, true), hi: view.getUint32(AT + 4, true) }",
};

const SETTERS: Readonly<Record<string, string>> = {
  u8: "view.setUint8(AT, VALUE);",
  i8: "view.setInt8(AT, VALUE);",
  u16: "view.setUint16(AT, VALUE, true);",
  i16: "view.setInt16(AT, VALUE, true);",
  be16: "view.setUint16(AT, VALUE, false);",
  u32: "view.setUint32(AT, VALUE, true);",
  i32: "view.setInt32(AT, VALUE, true);",
  u64: "write64(view, AT, VALUE);",
  i64: "write64(view, AT, VALUE);",
  word64: "view.setUint32(AT, VALUE.lo, true); view.setUint32(AT + 4, VALUE.hi, true);",
};

function filled(template: string, at: string, value = ""): string {
  return template.replaceAll("AT", at).replaceAll("VALUE", value);
}

/** An expression that reads a type; `depth` tells loop variables apart. */
function reading({ parts }: Type<unknown>, at: string, depth: number): string {
  switch (parts.kind) {
    case "scalar":
      return filled(GETTERS[parts.name]!, at);
    case "chars":
      return `readChars(view, ${at}, ${parts.length})`;
    case "array": {
      const element = reading(parts.of, `${at} + i${depth} * ${parts.of.size}`, depth + 1);
      return `Array.from({ length: ${parts.length} }, (_, i${depth}) => (${element}))`;
    }
    case "struct": {
      const fields = Object.entries(parts.fields).map(
        ([name, type]) => `${name}: ${reading(type, `${at} + ${parts.offset[name]}`, depth)}`,
      );
      return `{ ${fields.join(", ")} }`;
    }
  }
}

/** Statements that write a value of a type over zeros. */
function writing({ parts }: Type<unknown>, at: string, value: string, depth: number): string {
  switch (parts.kind) {
    case "scalar":
      return filled(SETTERS[parts.name]!, at, value);
    case "chars":
      return `writeChars(view, ${at}, ${parts.length}, ${value});`;
    case "array": {
      const i = `i${depth}`;
      const element = writing(parts.of, `${at} + ${i} * ${parts.of.size}`, `${value}[${i}]`, depth + 1);
      const count = `Math.min(${parts.length}, ${value}.length)`;
      return `for (let ${i} = 0; ${i} < ${count}; ${i}++) { ${element} }`;
    }
    case "struct":
      return Object.entries(parts.fields)
        .map(([name, type]) => {
          const place = `${at} + ${parts.offset[name]}`;
          return `if (${value}.${name} !== undefined) { ${writing(type, place, `${value}.${name}`, depth)} }`;
        })
        .join("\n");
  }
}

/** The module, as JavaScript; `from` is where it finds struct.ts. */
export function structCode(from: string): string {
  const codes = Object.entries(STRUCTS).map(([name, codec]) => {
    const type = codec as unknown as Type<unknown>;
    return `  ${name}: {
    read(view, at) { return ${reading(type, "at", 0)}; },
    write(view, at, value) {
zero(view, at, ${type.size});
${writing(type, "at", "value", 0)}
    },
  },`;
  });
  const helpers = "readChars, readI64, readU64, write64, writeChars, zero";
  return `import { ${helpers} } from ${JSON.stringify(from)};
export const STRUCT_CODE = {
${codes.join("\n")}
};
`;
}

if (process.argv[1] === import.meta.filename)
  process.stdout.write(structCode(join(import.meta.dirname, "../src/shared/abi/struct.ts")));
