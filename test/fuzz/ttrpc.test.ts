// ttrpc's server in a peer's hands: whatever comes, it throws nothing, answers at most once for each frame, holds no more
// than has arrived, and serves the next connection. RINGFENCE_FUZZ_SEED and RINGFENCE_FUZZ_RUNS repeat and lengthen a run.

import { EventEmitter } from "node:events";
import type { Server } from "node:net";
import { Duplex } from "node:stream";
import * as fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { decode } from "../../src/main/shim/decode.ts";
import { CreateTaskRequestSchema, Task } from "../../src/main/shim/gen/task_v2_pb.ts";
import { DATA_MAX, FrameReader, HEADER } from "../../src/main/shim/ttrpc/frame.ts";
import { serve, service } from "../../src/main/shim/ttrpc/server.ts";
import { field, frame, request } from "../unit/ttrpc_peer.ts";

const seed = Number(process.env["RINGFENCE_FUZZ_SEED"] ?? Date.now() % 2 ** 31);
const numRuns = Number(process.env["RINGFENCE_FUZZ_RUNS"] ?? 2000);
const SERVICE = "containerd.task.v2.Task";

/** A connection in memory. */
class Line extends Duplex {
  readonly answered: Buffer[] = [];
  override _read(): void {}
  override _write(bytes: Buffer, _encoding: string, done: () => void): void {
    this.answered.push(bytes);
    done();
  }
}

const listener = new EventEmitter();
serve(listener as Server, [
  service(Task, {
    state: async ({ id }) => ({ id }),
    create: async ({ rootfs }) => ({ pid: rootfs.length }),
    kill: async () => {
      throw new Error("no");
    },
  }),
]);

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** What is answered to bytes that come in pieces: streams, in order. */
async function answersTo(pieces: readonly Uint8Array[]): Promise<number[]> {
  const line = new Line();
  listener.emit("connection", line);
  for (const piece of pieces) line.push(piece);
  await turn();
  await turn();
  line.destroy();
  return line.answered.map((bytes) => bytes.readUInt32BE(4));
}

/** Bytes cut at some places. */
function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const at = [0, ...places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return at.slice(1).map((end, index) => bytes.subarray(at[index]!, end));
}

const data = fc.oneof(
  fc.uint8Array({ maxLength: 64 }),
  fc
    .tuple(
      fc.constantFrom(SERVICE, "containerd.task.v3.Task", "__proto__"),
      fc.constantFrom("State", "Create", "Kill", "Pause", "constructor"),
      fc.uint8Array({ maxLength: 64 }),
    )
    .map(([name, method, payload]) => request(name, method, payload)),
);
const frames = fc.array(
  fc
    .tuple(fc.nat(20), fc.constantFrom(1, 1, 1, 2, 3, 200), data, fc.constantFrom(0, 0, 1, 2, 4, 255))
    .map(([stream, type, bytes, flags]) => frame(stream, type, bytes, flags)),
  { maxLength: 12 },
);
const places = fc.array(fc.nat(4096), { maxLength: 12 });
const mutations = fc.array(fc.tuple(fc.nat(4096), fc.nat(255)), { minLength: 1, maxLength: 8 });

function mutated(bytes: Buffer, changes: readonly (readonly [number, number])[]): Buffer {
  for (const [place, value] of changes) if (bytes.length > 0) bytes[place % bytes.length] = value;
  return bytes;
}

test("frames that are cut anywhere are answered as whole ones", async () => {
  await fc.assert(
    fc.asyncProperty(frames, places, async (whole, at) => {
      const bytes = Buffer.concat(whole);
      assert.equal((await answersTo(cut(bytes, at))).sort(), (await answersTo([bytes])).sort());
    }),
    { seed, numRuns },
  );
});

test("frames with bytes changed, and then the next connection", async () => {
  await fc.assert(
    fc.asyncProperty(frames, places, mutations, async (whole, at, changes) => {
      const bytes = mutated(Buffer.concat(whole), changes);
      const answers = await answersTo(cut(bytes, at));
      assert.ok(answers.length <= bytes.length / HEADER);
      assert.equal(await answersTo([frame(1, 1, request(SERVICE, "State", field(1, "c")))]), [1]);
    }),
    { seed, numRuns },
  );
});

test("a reader holds what has arrived and little more, whatever headers claim", () => {
  const piece = fc.oneof(fc.uint8Array({ maxLength: 5000 }), data);
  const claims = fc.array(
    fc.tuple(
      piece,
      fc.oneof(fc.nat(6000), fc.nat(2 ** 31), fc.constantFrom(DATA_MAX, DATA_MAX + 1, 2 ** 32 - 1)),
    ),
    { maxLength: 6 },
  );
  fc.assert(
    fc.property(claims, places, (all, at) => {
      const bytes = Buffer.concat(all.map(([part, claimed]) => frame(1, 1, part, 0, claimed)));
      const reader = new FrameReader();
      let arrived = 0;
      // What a plain reading of the whole finds.
      let next = 0;
      for (const part of cut(bytes, at)) {
        arrived += part.length;
        for (const { length, data: found } of reader.take(part)) {
          assert.is(length, bytes.readUInt32BE(next));
          const expected = length > DATA_MAX ? [] : bytes.subarray(next + HEADER, next + HEADER + length);
          assert.ok(Buffer.from(expected).equals(found));
          next += HEADER + length;
        }
        assert.ok(next <= arrived);
        assert.ok(reader.held <= Math.max(4096, 2 * (arrived - next)), `${reader.held} of ${arrived - next}`);
      }
      assert.ok(next + HEADER > arrived || next + HEADER + bytes.readUInt32BE(next) > arrived);
    }),
    { seed, numRuns },
  );
});

test("megabytes of what costs most to read end in a message or an error, and soon", () => {
  for (const unit of ["1a00", "1a021a00", "52021a00", "1b", "1a028001", "0a00", "ff", "1c", "5b5c"])
    for (const inMount of [false, true]) {
      const bytes = Buffer.alloc(DATA_MAX - 100, Buffer.from(unit, "hex"));
      const began = performance.now();
      try {
        decode(CreateTaskRequestSchema, inMount ? field(3, bytes) : bytes);
      } catch (error) {
        assert.instance(error, Error);
      }
      assert.ok(performance.now() - began < 5000, unit);
    }
});

test.run();
