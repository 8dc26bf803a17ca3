// What a kubelet does with pods, once under runc and once here: both columns say the same, and leave nothing.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { CriEngine, whyNot } from "./engine.ts";
import { NamespaceMode } from "./gen/runtime_pb.ts";
import { Pod, type PodOptions } from "./pod.ts";
import { WAITING } from "./waiting.ts";

const HANDLERS = ["runc", "ringfence"] as const;

export interface Scene {
  readonly engine: CriEngine;
  readonly handler: string;
  /** A directory of its own on the host. */
  readonly directory: string;
  /** A pod, which is removed behind the scene. */
  pod(options?: PodOptions): Promise<Pod>;
}

/** The host's network is given by a flag. */
const handlerOf = (handler: string, { namespaces }: PodOptions): string =>
  handler === "ringfence" && namespaces?.network === NamespaceMode.NODE ? "ringfence-host" : handler;

type Play = (scene: Scene) => Promise<string>;

export class Columns {
  readonly #engine: CriEngine;
  #scenes = 0;
  #pods = 0;

  constructor(engine: CriEngine) {
    this.#engine = engine;
  }

  /** Plays it, and removes its pods, of which nothing must be left. */
  async play(handler: string, play: Play): Promise<string> {
    const pods: Pod[] = [];
    const directory = join(this.#engine.directory, `scene-${this.#scenes++}`);
    mkdirSync(directory);
    const pod = async (options: PodOptions = {}): Promise<Pod> => {
      const made = await Pod.run(this.#engine, handlerOf(handler, options), `u${this.#pods++}`, options);
      pods.push(made);
      return made;
    };
    try {
      return await play({ engine: this.#engine, handler, directory, pod });
    } finally {
      for (const made of pods) {
        await made.stop();
        await made.remove();
        made.removeCgroups();
      }
      assert.equal(await this.#engine.left(pods.map(({ id }) => id)), [], `left behind under ${handler}`);
    }
  }

  /** What a scene tells under both must be the same, and match; where it waits for something here, it must not. */
  both(what: string, play: Play, expected: RegExp): void {
    test(what, async () => {
      const first = await this.play(HANDLERS[0], play);
      assert.ok(expected.test(first), first);
      const reason = WAITING.get(what);
      if (reason === undefined) {
        assert.is(await this.play(HANDLERS[1], play), first);
        return;
      }
      const second = await this.play(HANDLERS[1], play).catch((error: Error) => error.message);
      assert.is.not(second, first, `${what} works: it need not wait any longer`);
      assert.ok(reason.test(second), second);
    });
  }
}

/** Scenes of a file, with an engine for them, where there can be one. */
export function withEngine(scenes: (columns: Columns, engine: CriEngine) => void): void {
  const why = whyNot();
  if (why !== null) console.log(why);
  else {
    const engine = new CriEngine();
    test.before(() => engine.start());
    test.after(() => engine.stop());
    scenes(new Columns(engine), engine);
  }
  test.run();
}
