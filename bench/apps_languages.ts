// Compilers, interpreters and tools with a fixed piece of work each, which is made on the spot: some computing, some
// strings, some files, as programs in that language do.

import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { app } from "./app.ts";
import type { Subject } from "./subject.ts";
import type { Workplace } from "./workplace.ts";

/** Counts words, writes and reads as many small files as it is told, and sorts. */
const PYTHON = `
import collections, json, os, sys, tempfile

count = int(sys.argv[1])
words = [f"word{i * 7919 % 1009}" for i in range(count * 100)]
counted = collections.Counter(words)
with tempfile.TemporaryDirectory() as directory:
    for i in range(count):
        with open(os.path.join(directory, str(i)), "w") as file:
            json.dump({"number": i, "words": words[i * 10 : i * 10 + 10]}, file)
    read = []
    for name in sorted(os.listdir(directory), key=int):
        with open(os.path.join(directory, name)) as file:
            read.append(json.load(file)["number"])
assert read == list(range(count)) and sum(counted.values()) == len(words)
`;

const NODE = `
const { mkdtempSync, readdirSync, rmSync } = require("node:fs");
const { readFile, writeFile } = require("node:fs/promises");
const { join } = require("node:path");
const { gzipSync, gunzipSync } = require("node:zlib");

async function main(count) {
  const directory = mkdtempSync((process.env.TMPDIR ?? "/tmp") + "/node-");
  const text = JSON.stringify(Array.from({ length: 100 }, (_, i) => ({ i, word: "word" + ((i * 7919) % 1009) })));
  await Promise.all(
    Array.from({ length: count }, (_, i) => writeFile(join(directory, String(i)), gzipSync(i + text))),
  );
  let sum = 0;
  for (const name of readdirSync(directory))
    sum += parseInt(gunzipSync(await readFile(join(directory, name))).toString(), 10);
  rmSync(directory, { recursive: true });
  if (sum !== (count * (count - 1)) / 2) process.exit(1);
}
main(Number(process.argv[2]));
`;

const JAVA = `
import java.nio.file.*;
import java.util.*;

public class Work {
  public static void main(String[] args) throws Exception {
    int count = Integer.parseInt(args[0]);
    Map<String, Integer> words = new TreeMap<>();
    for (int i = 0; i < count * 1000; i++) words.merge("word" + (long) i * 7919 % 1009, 1, Integer::sum);
    Path directory = Files.createTempDirectory("java");
    for (int i = 0; i < count; i++) Files.writeString(directory.resolve("" + i), "number " + i + words);
    long sum = 0;
    for (int i = 0; i < count; i++) {
      Path file = directory.resolve("" + i);
      sum += Files.readString(file).length();
      Files.delete(file);
    }
    Files.delete(directory);
    Thread[] threads = new Thread[4];
    for (int i = 0; i < threads.length; i++) threads[i] = new Thread(words::hashCode);
    for (Thread thread : threads) thread.start();
    for (Thread thread : threads) thread.join();
    if (sum == 0) System.exit(1);
  }
}
`;

/** Each insert is a transaction of its own; without fsync: in a sandbox there is no disk below. */
function sqliteScript(inserts: number): string {
  const rows = Array.from(
    { length: inserts },
    (_, i) => `INSERT INTO t VALUES (${i}, 'word${(i * 7919) % 1009}', ${(i * 31) % 101});`,
  );
  return [
    "PRAGMA synchronous = OFF;",
    "CREATE TABLE t (id INTEGER PRIMARY KEY, word TEXT, number INTEGER);",
    ...rows,
    "CREATE INDEX i ON t (word);",
    "SELECT count(*), sum(number) FROM t WHERE word LIKE 'word1%';",
    "DELETE FROM t WHERE number < 50;",
    "VACUUM;",
    "",
  ].join("\n");
}

/** As much C as a larger file of a project. */
function cSource(functions: number): string {
  const body = (i: number) =>
    `int f${i}(const int *a, int n) { int s = ${i}; for (int k = 0; k < n; k++) ` +
    `s = s * 31 + (a[k] ^ (s >> ${i % 7})) % ${i + 3}; return s; }\n`;
  return `#include <stdio.h>\n${Array.from({ length: functions }, (_, i) => body(i)).join("")}`;
}

/** Files of one piece of work, made once. */
const made =
  (name: string, make: (directory: string, quick: boolean) => void) =>
  (place: Workplace): string =>
    place.directory(name, (directory) => make(directory, place.effort.quick));

const scripts = made("scripts", (directory, quick) => {
  writeFileSync(join(directory, "work.py"), PYTHON);
  writeFileSync(join(directory, "work.cjs"), NODE);
  writeFileSync(join(directory, "work.sql"), sqliteScript(quick ? 10 : 2000));
  writeFileSync(join(directory, "work.c"), cSource(quick ? 10 : 600));
});

const javaClasses = made("java", (directory) => {
  writeFileSync(join(directory, "Work.java"), JAVA);
  execFileSync("javac", ["-d", directory, join(directory, "Work.java")], { stdio: "ignore" });
});

/** The directory, and how much of it is to be done. */
const amounts =
  (directory: (place: Workplace) => string, whole: number, part: number) =>
  (place: Workplace): string[] => [directory(place), String(place.effort.quick ? part : whole)];

export const LANGUAGES: readonly Subject[] = [
  app({
    row: { name: "python_work", label: "python: words, JSON, 1000 files" },
    needs: [["/usr/bin/python3", "python3"]],
    script: `$1 python_work /usr/bin/python3 -S $2/work.py $3`,
    arguments: amounts(scripts, 1000, 10),
  }),
  app({
    row: { name: "node_start", label: "`node -e 0`, 3 times" },
    needs: [["node", "nodejs"]],
    script: `$1 node_start bash -c 'for i in $(seq '$2'); do node -e 0; done'`,
    arguments: ({ effort }) => [effort.quick ? "1" : "3"],
  }),
  app({
    row: { name: "node_work", label: "node: gzip, JSON, 1000 files" },
    needs: [["node", "nodejs"]],
    script: `$1 node_work node $2/work.cjs $3`,
    arguments: amounts(scripts, 1000, 10),
  }),
  app({
    row: { name: "java_work", label: "java: words, 200 files, threads" },
    needs: [
      ["java", "default-jre-headless"],
      ["javac", "default-jdk-headless"],
    ],
    script: `$1 java_work java -cp $2 Work $3`,
    arguments: amounts(javaClasses, 200, 2),
  }),
  app({
    row: { name: "gcc", label: "`gcc -O2`, one file of 600 functions" },
    needs: [["gcc", "gcc"]],
    script: `out=$(mktemp); $1 gcc gcc -O2 -c -o $out $2/work.c; rm $out`,
    arguments: (place) => [scripts(place)],
  }),
  app({
    row: { name: "sqlite", label: "sqlite: 2000 transactions, index, query, vacuum" },
    needs: [["sqlite3", "sqlite3"]],
    script: `directory=$(mktemp -d)
      $1 sqlite sqlite3 $directory/db ".read $2/work.sql"; rm -r $directory`,
    arguments: (place) => [scripts(place)],
  }),
  app({
    row: { name: "ffmpeg", label: "ffmpeg: 10 s of MPEG-4" },
    needs: [["ffmpeg", "ffmpeg"]],
    script: `out=$(mktemp -d)
      $1 ffmpeg ffmpeg -v error -f lavfi -i testsrc=duration=$2:size=640x360:rate=25 -c:v mpeg4 $out/video.mp4
      rm -r $out`,
    arguments: ({ effort }) => [effort.quick ? "0.2" : "10"],
  }),
];
