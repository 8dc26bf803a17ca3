// deadline: 900 s
// Runtimes with threads, compilers and profilers of their own: Node's test runner and CPU profiler, Java with its
// flight recorder; a Debian that installs itself.

import { test } from "uvu";
import { compareScripts, isFull, isInstalled } from "./compare.ts";

const MS = 300_000;

const NODE = `
set -e
D=$(mktemp -d); cd $D
cat > a.test.mjs <<'END'
import { test } from "node:test";
import assert from "node:assert";
import { spawn, fork } from "node:child_process";
import { once } from "node:events";
import { Worker, isMainThread } from "node:worker_threads";
import fs from "node:fs";
import net from "node:net";
test("child processes", async () => {
  const child = spawn("sh", ["-c", "cat; exit 3"], { stdio: ["pipe", "pipe", "inherit"] });
  child.stdin.end("through"); let text = "";
  for await (const part of child.stdout) text += part;
  const [code] = child.exitCode === null ? await once(child, "exit") : [child.exitCode];
  assert.deepStrictEqual([text, code], ["through", 3]);
});
test("workers", async () => {
  const all = Array.from({ length: 4 }, (_, i) => new Worker("require('worker_threads').parentPort.postMessage(" + i + ")", { eval: true }));
  const got = await Promise.all(all.map(async (w) => (await once(w, "message"))[0]));
  assert.deepStrictEqual(got, [0, 1, 2, 3]);
});
test("files and watches", async () => {
  fs.mkdirSync("w"); const seen = new Promise((done) => { const w = fs.watch("w", (kind, name) => { w.close(); done(name); }); });
  fs.writeFileSync("w/f", "x"); assert.strictEqual(await seen, "f");
});
test("unix sockets", async () => {
  const server = net.createServer((s) => s.pipe(s)).listen("./s"); await once(server, "listening");
  const c = net.connect("./s"); c.end(Buffer.alloc(3000000, "a")); let n = 0; for await (const part of c) n += part.length;
  server.close(); assert.strictEqual(n, 3000000);
});
END
cat > b.test.mjs <<'END'
import { test } from "node:test";
test("fails", () => { throw new Error("on purpose"); });
test("skipped", { skip: true }, () => {});
END
node --test --test-reporter=tap . 2>&1 | grep -E '^(# (tests|pass|fail|skipped)|(not )?ok)' || true
node --cpu-prof --cpu-prof-name=prof -e 'let x = 0; const end = Date.now() + 1500; while (Date.now() < end) x += Math.sqrt(x + 1)'
node -e 'const p = JSON.parse(require("fs").readFileSync("prof")); console.log(p.samples.length > 200, p.nodes.length > 3)'
`;

const JAVA = `
set -e
D=$(mktemp -d); cd $D
cat > Main.java <<'END'
import java.util.*; import java.util.concurrent.*; import java.nio.file.*;
public class Main {
  static int fib(int n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
  public static void main(String[] a) throws Exception {
    ExecutorService pool = Executors.newFixedThreadPool(4);
    List<Future<Integer>> all = new ArrayList<>();
    for (int i = 0; i < 16; i++) { final int n = 28 + i % 3; all.add(pool.submit(() -> fib(n))); }
    long sum = 0; for (Future<Integer> f : all) sum += f.get();
    pool.shutdown(); System.out.println(sum);
    List<byte[]> heap = new ArrayList<>(); for (int i = 0; i < 2000; i++) { heap.add(new byte[100000]); if (heap.size() > 50) heap.clear(); }
    try { Object o = null; o.hashCode(); } catch (NullPointerException e) { System.out.println("caught"); }
    try { deep(0); } catch (StackOverflowError e) { System.out.println("deep"); }
    Process p = new ProcessBuilder("sh", "-c", "echo child; exit 4").inheritIO().start(); System.out.println(p.waitFor());
    Files.writeString(Path.of("f"), "text"); System.out.println(Files.readString(Path.of("f")));
    Runtime.getRuntime().addShutdownHook(new Thread(() -> System.out.println("hook")));
    System.out.println("ready");
    if (a.length > 0) Thread.sleep(60000);
  }
  static int deep(int n) { return deep(n + 1) + 1; }
}
END
java -XX:StartFlightRecording=filename=$D/r.jfr,settings=profile Main.java > out 2> err || { cat out err; exit 1; }
grep -v jfr,startup out
test -s r.jfr && echo recorded
java Main.java wait > out2 2>&1 & P=$!
for i in $(seq 600); do grep -q ready out2 && break; sleep 0.1; done
kill -TERM $P; wait $P || echo ended with $?
tail -1 out2
`;

if (isInstalled("/usr/bin/node", "nodejs"))
  test("node --test, and its profiler", () => compareScripts(NODE, MS));
if (isFull && isInstalled("java", "default-jdk-headless"))
  test("Java: threads, traps, its recorder", () => compareScripts(JAVA, MS));

test.run();
