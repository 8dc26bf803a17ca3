// Makes src/main/shim/gen/*_pb.ts, or another directory that is named, from src/main/shim/proto/*.proto: with protoc
// (Debian's protobuf-compiler) and the plugin of protobuf-es, after a change of the latter. What it makes is kept under
// version control, so that nobody else needs protoc; test/unit/protos.test.ts compares.

import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const checkout = dirname(dirname(fileURLToPath(import.meta.url)));
const protos = join(checkout, "src/main/shim/proto");
const output = resolve(process.argv[2] ?? join(checkout, "src/main/shim/gen"));

/** Sources run as they are: files are imported by their names, and there is no enum of TypeScript's. */
const OPTIONS = "target=ts,import_extension=ts,erasable_syntax=true";

mkdirSync(output, { recursive: true });
for (const name of readdirSync(output)) if (name.endsWith("_pb.ts")) rmSync(join(output, name));
execFileSync(
  "protoc",
  [
    `--plugin=protoc-gen-es=${join(checkout, "node_modules/.bin/protoc-gen-es")}`,
    `--proto_path=${protos}`,
    `--es_out=${output}`,
    `--es_opt=${OPTIONS}`,
    ...readdirSync(protos).filter((name) => name.endsWith(".proto")),
  ],
  { stdio: ["ignore", "inherit", "inherit"] },
);
