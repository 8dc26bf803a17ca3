// Whether the host has killed something in a container's control group for want of memory (cgroups(7)): v2 tells by a
// changed memory.events (inotify), v1 by an eventfd that was written to cgroup.event_control.

import { closeSync, type FSWatcher, openSync, watch, writeFileSync } from "node:fs";
import type { PollHandle } from "../host.ts";
import { type CgroupFiles, oomKills } from "../usage/cgroup_files.ts";
import { type Addon, READABLE } from "./addon.ts";

/** A thousand of them are one line in a log. */
const PAUSE_MS = 100;

export class OomWatch {
  readonly #addon: Addon;
  readonly #files: CgroupFiles;
  readonly #tell: () => void;
  #kills: number;
  #watcher: FSWatcher | null = null;
  #counter = -1;
  #poll: PollHandle | null = null;
  #timer: NodeJS.Timeout | null = null;

  constructor(addon: Addon, files: CgroupFiles, directories: readonly string[], tell: () => void) {
    this.#addon = addon;
    this.#files = files;
    this.#tell = tell;
    this.#kills = oomKills(this.#files);
    for (const directory of directories) this.#watch(directory);
  }

  /** Tells of what has happened since the last look: once, however many were killed. */
  look(): void {
    const kills = oomKills(this.#files);
    const isMore = kills > this.#kills;
    this.#kills = kills;
    if (isMore) this.#tell();
  }

  close(): void {
    this.#watcher?.close();
    if (this.#poll !== null) this.#addon.pollStop(this.#poll);
    if (this.#counter >= 0) closeSync(this.#counter);
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#watcher = null;
    this.#poll = null;
    this.#counter = -1;
    this.#timer = null;
  }

  /** A directory of another hierarchy has neither file. */
  #watch(directory: string): void {
    try {
      this.#watcher ??= watch(`${directory}/memory.events`, () => this.#soon());
    } catch {
      this.#watchV1(directory);
    }
    // The group may go before the container does.
    this.#watcher?.on("error", () => {});
  }

  #watchV1(directory: string): void {
    let control: number;
    try {
      control = openSync(`${directory}/memory.oom_control`, "r");
    } catch {
      return;
    }
    const counter = this.#addon.eventCounter();
    try {
      writeFileSync(`${directory}/cgroup.event_control`, `${counter} ${control}`);
      this.#counter = counter;
      this.#poll = this.#addon.pollStart(counter, READABLE, () => this.#soon());
    } catch {
      if (this.#counter < 0 && counter >= 0) closeSync(counter);
    } finally {
      closeSync(control);
    }
  }

  #soon(): void {
    // The counter counts on: it is read so that it is not ready any more.
    if (this.#counter >= 0) this.#addon.read(this.#counter, Buffer.alloc(8));
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.look();
    }, PAUSE_MS);
  }
}
