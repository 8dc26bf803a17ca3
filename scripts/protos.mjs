// Makes gen/*_pb.ts from proto/*.proto in each of PLACES, of this checkout or below another directory that is named: with
// protoc (Debian's protobuf-compiler) and the plugin of protobuf-es, after a change of the latter. What it makes is kept
// under version control, so that nobody else needs protoc; test/unit/protos.test.ts compares.

import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const checkout = dirname(dirname(fileURLToPath(import.meta.url)));
const target = resolve(process.argv[2] ?? checkout);

const PLACES = ["src/main/shim", "test/cri"];

/** Sources run as they are: files are imported by their names, and there is no enum of TypeScript's. */
const OPTIONS = "target=ts,import_extension=ts,erasable_syntax=true";

for (const place of PLACES) {
  const protos = join(checkout, place, "proto");
  const output = join(target, place, "gen");
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
}
