// A container whose network namespace a room has made (network_room.ts), for tests.

import { copyFileSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { ringfence } from "../spawn.ts";
import { Bundle, type Config, shell } from "./bundle.ts";
import { buildDriver } from "./driver.ts";
import { NetworkRoom } from "./network_room.ts";
import { inNamespace, procLink, status } from "./processes.ts";

const CAPABILITIES = ["CAP_NET_RAW", "CAP_NET_ADMIN"];

/** A room with a container in it, which runs that shell text; `change` of its config.json besides. */
export class Linked {
  readonly room: NetworkRoom;
  readonly bundle: Bundle;
  readonly log: string;

  constructor(room: NetworkRoom, text: string, change: (config: Config) => void = () => {}) {
    this.room = room;
    this.bundle = new Bundle(shell(text), (config) => {
      config.linux.namespaces = config.linux.namespaces.map((one) =>
        one.type === "network" ? { ...one, path: room.path } : one,
      );
      const capabilities = { bounding: CAPABILITIES, effective: CAPABILITIES, permitted: CAPABILITIES };
      config.process.capabilities = capabilities;
      change(config);
    });
    for (const name of ["link_peer", "link_sniffer"])
      copyFileSync(buildDriver(name, [], ["-static"]), join(this.bundle.rootfs, "bin", name));
    this.log = join(this.bundle.directory, "log");
  }

  command(...args: string[]): string[] {
    return [ringfence, "--root", this.bundle.root, "--log", this.log, ...args];
  }

  /** Runs it to its end: what it prints. */
  async run(...flags: string[]): Promise<string> {
    const { id, directory } = this.bundle;
    const result = await this.room.runs(this.command(...flags, "run", "--bundle", directory, id));
    assert.is(
      result.code,
      0,
      `${result.stderr}${existsSync(this.log) ? readFileSync(this.log, "utf8") : ""}`,
    );
    return result.stdout.toString();
  }

  /** Makes it, in the background. */
  create(...flags: string[]): void {
    const { id, directory } = this.bundle;
    const said = `>${directory}/said 2>&1`;
    this.room.sh(
      `${this.command(...flags, "create", "--bundle", directory, id).join(" ")} ${said} </dev/null`,
    );
  }

  /** Starts it, if it was made. */
  go(): void {
    this.room.sh(this.command("start", this.bundle.id).join(" "));
  }

  /** Makes and starts it in the background; its processes. */
  async start(...flags: string[]): Promise<{ init: number; node: number; keeper: number }> {
    this.create(...flags);
    this.go();
    const state = JSON.parse(readFileSync(join(this.bundle.root, this.bundle.id, "state.json"), "utf8"));
    const { init } = state;
    const namespace = procLink(init, "ns/pid")!;
    const all = inNamespace(namespace);
    const node = all.find((pid) => procLink(pid, "exe")?.endsWith("/node"))!;
    const keeper = all.find((pid) => /^ringfence-(keep|view)$/.test(status(pid, "Name")!))!;
    return { init, node, keeper };
  }

  /** What shell text in it prints. */
  async says(text: string): Promise<string> {
    const result = await this.room.runs(this.command("exec", this.bundle.id, "sh", "-c", text));
    return `${result.stdout}${result.stderr}`;
  }

  said(): string {
    return readFileSync(join(this.bundle.directory, "said"), "utf8");
  }

  async remove(): Promise<void> {
    await this.room.runs(this.command("delete", "--force", this.bundle.id));
    await this.bundle.remove();
  }
}

export async function withLink(
  text: string,
  body: (linked: Linked) => Promise<void>,
  change?: (config: Config) => void,
): Promise<void> {
  const room = await new NetworkRoom().made();
  const one = new Linked(room, text, change);
  try {
    await body(one);
  } finally {
    await one.remove();
    await room.remove();
  }
}

/** A container with a network namespace of the sandbox's own, made and not started yet; its process 1. */
export function withOwnNamespace(
  text: string,
  body: (linked: Linked, pid: number) => Promise<void>,
  ...flags: string[]
): Promise<void> {
  return withLink(
    text,
    (one) => {
      one.create(...flags);
      const { pid } = JSON.parse(one.room.sh(one.command("state", one.bundle.id).join(" ")));
      return body(one, pid);
    },
    (config) => {
      config.linux.namespaces = config.linux.namespaces.map(({ type }) => ({ type }));
    },
  );
}

/** Gives it a link of that name, with the address 2 of a network; 1 is on the other side. */
export function giveLink({ room }: Linked, pid: number, name: string, network: string): void {
  room.sh(
    `ip link add v${name} type veth peer name ${name}; ip addr add ${network}.1/24 dev v${name}; ip link set v${name} up; ip link set ${name} netns ${pid}`,
  );
  room.sh(`nsenter -t ${pid} -n sh -c "ip link set ${name} up; ip addr add ${network}.2/24 dev ${name}"`);
}
