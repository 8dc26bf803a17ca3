// deadline: 180 s
// What goes into containers and pods, and comes out, by containerd's CRI plugin: commands at once and with streams,
// attachments, terminals, and ports.

import { randomBytes } from "node:crypto";
import * as assert from "uvu/assert";
import { eventually } from "../spawn.ts";
import { withEngine } from "./columns.ts";
import type { Pod } from "./pod.ts";
import { STDERR, STDIN, STDOUT, type Stream } from "./stream.ts";

const LOOP = "echo up; while :; do sleep 0.05; done";
const UP_MS = 15_000;
/** gRPC's code (DEADLINE_EXCEEDED). */
const LATE = 4;
/** More than what a connection holds on its way. */
const MUCH = 3 << 20;
const PIECE = 32 << 10;

/** A stream to a port on which somebody will listen soon. */
async function eventuallyOpen(pod: Pod, port: number): Promise<Stream> {
  let stream = await pod.forward(port);
  const isRefused = async () => {
    stream.send(0, "?");
    await eventually(() => stream.text(1).includes("refused") || stream.text(0).endsWith("?"), UP_MS);
    return stream.text(1).includes("refused");
  };
  while (await isRefused()) {
    stream.close();
    stream = await pod.forward(port);
  }
  stream.close();
  return pod.forward(port);
}

withEngine((columns) => {
  columns.both(
    "a command at once: its output, its errors, its code",
    async ({ pod }) => {
      const container = await (await pod()).up(LOOP);
      const cmd = ["sh", "-c", "echo out; echo err >&2; exit 7"];
      const { stdout, stderr, exitCode } = await container.execSync(cmd);
      const many = await container.execSync(["head", "-c", String(MUCH), "/dev/zero"], 20);
      const absent = await container.execSync(["/no/such"]).catch((error: Error) => error.message);
      assert.match(String(absent), /no such file or directory/);
      return `${Buffer.from(stdout)}${Buffer.from(stderr)}${exitCode} ${many.stdout.length}`;
    },
    /^out\nerr\n7 3145728$/,
  );

  columns.both(
    "a command that is late is killed, and its container goes on",
    async ({ pod }) => {
      const container = await (await pod()).up(LOOP);
      const late = await container
        .execSync(["sleep", "77"], 1)
        .catch((error: { code: number }) => error.code);
      assert.is(late, LATE);
      const isKilled = async () => !(await container.exec("ps")).includes("sleep 77");
      return `${await eventually(isKilled, UP_MS)} ${await container.exec("echo", "goes on")}`;
    },
    /^true goes on$/,
  );

  columns.both(
    "a command with streams: what it is given and what it says, and its code",
    async ({ pod }) => {
      const container = await (await pod()).up(LOOP);
      const stream = await container.stream(["sh", "-c", "read x; echo got $x; echo no >&2; exit 6"]);
      stream.send(STDIN, "a line\n");
      const code = await stream.code();
      const fine = await (await container.stream(["true"])).code();
      return `${stream.text(STDOUT)}${stream.text(STDERR)}${code} ${fine}`;
    },
    /^got a line\nno\n6 0$/,
  );

  columns.both(
    "much through a command: every byte in its place",
    async ({ pod }) => {
      const container = await (await pod()).up(LOOP);
      const stream = await container.stream(["head", "-c", String(MUCH)]);
      const bytes = randomBytes(MUCH);
      for (let at = 0; at < MUCH; at += PIECE) stream.send(STDIN, bytes.subarray(at, at + PIECE));
      const code = await stream.code();
      return `${code} ${stream.bytes(STDOUT).equals(bytes)}`;
    },
    /^0 true$/,
  );

  columns.both(
    "a command with a terminal: its size, also when that changes, and its keys",
    async ({ pod }) => {
      const container = await (await pod()).up(LOOP);
      const script = "trap 'stty size' WINCH; tty; while ! read -t 1 x; do :; done; echo got $x; cat";
      const stream = await container.stream(["sh", "-c", script], true);
      await stream.until(STDOUT, /\/dev\/pts\/\d+\r\n/);
      stream.resize(101, 37);
      await stream.until(STDOUT, /37 101\r\n/);
      stream.send(STDIN, "keys\r");
      const [got] = await stream.until(STDOUT, /got keys\r\n/);
      stream.send(STDIN, "\x03");
      return `${got} ${await stream.code()}`;
    },
    /^got keys\r\n 130$/,
  );

  columns.both(
    "attachments: to standard streams, twice, and what comes is in the log",
    async ({ pod }) => {
      const script = "echo up; while read x; do echo got $x; echo err $x >&2; done";
      const container = await (await pod()).up(script, { config: { stdin: true } });
      const first = await container.attach();
      first.send(STDIN, "one\n");
      await first.until(STDOUT, /^got one\n/);
      await first.until(STDERR, /^err one\n/);
      first.close();
      const second = await container.attach();
      second.send(STDIN, "two\n");
      await second.until(STDOUT, /^got two\n/);
      second.close();
      await container.says("got two");
      await container.says("stderr: err two");
      return container
        .log()
        .filter((line) => !line.startsWith("stderr"))
        .join();
    },
    /^up,got one,got two$/,
  );

  columns.both(
    "an attachment to a terminal, and its end with the container",
    async ({ pod }) => {
      const made = await pod();
      const script = "stty -echo; echo up; while read x; do stty size; [ $x = end ] && exit 5; done";
      const config = { stdin: true, tty: true };
      const container = await made.start(script, { config });
      await eventually(() => container.log().join().includes("up"), UP_MS);
      const stream = await container.attach(true);
      stream.resize(90, 30);
      const isKnown = () => {
        stream.send(STDIN, "size\n");
        return stream.text(STDOUT).includes("30 90\r\n");
      };
      assert.ok(await eventually(isKnown, UP_MS), stream.text(STDOUT));
      stream.send(STDIN, "end\n");
      return container.ended();
    },
    /^CONTAINER_EXITED Error 5$/,
  );

  columns.both(
    "a pod's port, of its loopback address alone: bytes both ways, and a port where nobody listens",
    async ({ pod }) => {
      const made = await pod();
      await made.up("echo page > /tmp/index.html; echo up; exec httpd -f -p 127.0.0.1:80 -h /tmp");
      const page = async (): Promise<boolean> => {
        const stream = await made.forward(80);
        // The first message of each channel says the port.
        await stream.until(0, /^P\0/);
        stream.send(0, "GET / HTTP/1.0\r\n\r\n");
        const isOver = () => /page\n$/.test(stream.text(0)) || /refused/.test(stream.text(1));
        await eventually(isOver, UP_MS);
        stream.close();
        return /200 OK[\s\S]*page\n$/.test(stream.text(0));
      };
      assert.ok(await eventually(page, UP_MS));
      const refused = await made.forward(9);
      await refused.until(1, /refused/);
      refused.close();
      return "forwarded";
    },
    /^forwarded$/,
  );

  columns.both(
    "a port of a pod without containers, where what holds it listens: twice, and much",
    async ({ engine, pod }) => {
      const made = await pod();
      await engine.ctr("task", "exec", "-d", "--exec-id", "echo", made.id, "/pause", "echo", "7777");
      const bytes = randomBytes(MUCH);
      for (const times of [1, 2]) {
        const stream = await eventuallyOpen(made, 7777);
        for (let at = 0; at < MUCH; at += PIECE) stream.send(0, bytes.subarray(at, at + PIECE));
        const isAll = () => stream.bytes(0).length >= MUCH + 2;
        assert.ok(await eventually(isAll, UP_MS), `${times}: ${stream.bytes(0).length}`);
        assert.ok(stream.bytes(0).subarray(2).equals(bytes), `${times}`);
        stream.close();
      }
      return "all came back";
    },
    /^all came back$/,
  );
});
