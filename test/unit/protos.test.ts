// The code in gen/ is what protoc and protobuf-es make of proto/, and both mean on the wire what another implementation
// means: protoc itself reads and writes the same bytes.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  create,
  type DescMessage,
  equals,
  fromBinary,
  type MessageInitShape,
  toBinary,
} from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { BootstrapParamsSchema } from "../../src/main/shim/gen/bootstrap_pb.ts";
import { TaskExitSchema } from "../../src/main/shim/gen/events_pb.ts";
import { MetricsSchema } from "../../src/main/shim/gen/metrics_v2_pb.ts";
import { CreateTaskRequestSchema, Task as TaskV2 } from "../../src/main/shim/gen/task_v2_pb.ts";
import { Task as TaskV3 } from "../../src/main/shim/gen/task_v3_pb.ts";
import { RequestSchema } from "../../src/main/shim/gen/ttrpc_pb.ts";

const CHECKOUT = join(import.meta.dirname, "../..");
const PROTOS = join(CHECKOUT, "src/main/shim/proto");
const GENERATED = ["src/main/shim/gen", "test/cri/gen"];

const filesOf = (directory: string) =>
  Object.fromEntries(
    readdirSync(directory)
      .sort()
      .map((name) => [name, readFileSync(join(directory, name), "utf8")]),
  );

function protoc(way: "encode" | "decode", schema: DescMessage, input: string | Uint8Array): Buffer {
  const file = `${schema.file.name}.proto`;
  return execFileSync("protoc", [`--proto_path=${PROTOS}`, `--${way}=${schema.typeName}`, file], { input });
}

test("what is kept is what would be made", () => {
  const fresh = mkdtempSync(join(tmpdir(), "ringfence-protos-"));
  try {
    execFileSync(process.execPath, [join(CHECKOUT, "scripts/protos.mjs"), fresh]);
    for (const place of GENERATED) assert.equal(filesOf(join(CHECKOUT, place)), filesOf(join(fresh, place)));
  } finally {
    rmSync(fresh, { recursive: true });
  }
});

/** A message, and the same in protoc's text form, with every kind of field that there is. */
const PAIRS: readonly [DescMessage, object, string][] = [
  [
    CreateTaskRequestSchema,
    {
      id: "c",
      rootfs: [
        { type: "overlay", source: "overlay", options: ["lowerdir=/a", "upperdir=/b"] },
        { type: "bind" },
      ],
      terminal: true,
      stdin: "/é",
      options: { typeUrl: "runtimeoptions.v1.Options", value: Uint8Array.of(18, 1, 47) },
    },
    `id: "c"
rootfs { type: "overlay" source: "overlay" options: "lowerdir=/a" options: "upperdir=/b" }
rootfs { type: "bind" }
terminal: true
stdin: "/\\303\\251"
options { type_url: "runtimeoptions.v1.Options" value: "\\022\\001/" }`,
  ],
  [
    TaskExitSchema,
    { containerId: "c", id: "e", pid: 4194304, exitStatus: 137, exitedAt: timestampFromMs(1_500) },
    `container_id: "c" id: "e" pid: 4194304 exit_status: 137 exited_at { seconds: 1 nanos: 500000000 }`,
  ],
  [
    RequestSchema,
    { service: "containerd.task.v3.Task", method: "State", payload: Uint8Array.of(0, 255), timeoutNano: 5n },
    `service: "containerd.task.v3.Task" method: "State" payload: "\\000\\377" timeout_nano: 5`,
  ],
  [
    MetricsSchema,
    {
      pids: { current: 3n, limit: 2n ** 64n - 1n },
      memory: { usage: 2n ** 63n, psi: { some: { avg10: 1.25, total: 7n } } },
      io: { usage: [{ major: 8n, wios: 9n }] },
    },
    `pids { current: 3 limit: 18446744073709551615 }
memory { usage: 9223372036854775808 psi { some { avg10: 1.25 total: 7 } } }
io { usage { major: 8 wios: 9 } }`,
  ],
  [
    BootstrapParamsSchema,
    { instanceId: "c", logLevel: -4, extensions: [{ value: { typeUrl: "a.B" } }], socketDir: "" },
    `instance_id: "c" log_level: -4 extensions { value { type_url: "a.B" } } socket_dir: ""`,
  ],
];

for (const [schema, init, text] of PAIRS)
  test(`${schema.typeName}: the same bytes as protoc's, both ways`, () => {
    const message = create(schema, init as MessageInitShape<DescMessage>);
    const theirs = protoc("encode", schema, text);
    assert.is(Buffer.from(toBinary(schema, message)).toString("hex"), theirs.toString("hex"));
    assert.ok(equals(schema, fromBinary(schema, theirs), message));
    assert.equal(protoc("encode", schema, protoc("decode", schema, toBinary(schema, message))), theirs);
  });

test("both versions of the task service have the same methods", () => {
  const methods = (service: typeof TaskV2 | typeof TaskV3) =>
    service.methods.map(({ name, input, output }) => [name, input.typeName, output.typeName]);
  assert.equal(methods(TaskV3), methods(TaskV2));
  assert.is(TaskV2.methods.length, 17);
  assert.equal([TaskV2.typeName, TaskV3.typeName], ["containerd.task.v2.Task", "containerd.task.v3.Task"]);
});

test.run();
