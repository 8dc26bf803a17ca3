// Engines and where each is told of a runtime.

import { join } from "node:path";
import { crioDropIn, podmanDropIn } from "./drop_in.ts";
import type { Editor } from "./edit.ts";
import { daemonJson } from "./json.ts";
import { containerdToml } from "./toml.ts";

export interface Engine {
  readonly editor: Editor;
  /** Its file below /etc, for a runtime of that name. */
  readonly file: (name: string) => string;
  /** The same below a user's directory of settings; absent: only root runs such an engine. */
  readonly isUsers: boolean;
  /** How it is made to read it. */
  readonly next: string;
  /** How the runtime is asked for. */
  readonly use: (name: string) => string;
}

export const engines: Readonly<Record<string, Engine>> = {
  docker: {
    editor: daemonJson,
    file: () => "docker/daemon.json",
    isUsers: true,
    next: "systemctl reload docker (or SIGHUP to dockerd)",
    use: (name) => `docker run --rm --runtime=${name} IMAGE COMMAND`,
  },
  podman: {
    editor: podmanDropIn,
    file: (name) => `containers/containers.conf.d/${name}.conf`,
    isUsers: true,
    next: "nothing: podman reads it at its next start",
    use: (name) => `podman --runtime ${name} run --rm IMAGE COMMAND`,
  },
  containerd: {
    editor: containerdToml,
    file: () => "containerd/config.toml",
    isUsers: false,
    next: "systemctl restart containerd",
    use: (name) => `a RuntimeClass with the handler ${name}`,
  },
  "cri-o": {
    editor: crioDropIn,
    file: (name) => `crio/crio.conf.d/${name}.conf`,
    isUsers: false,
    next: "systemctl reload crio",
    use: (name) => `a RuntimeClass with the handler ${name}`,
  },
};

/** The file of an engine's; null: it is root's alone. */
export function defaultFile(engine: Engine, name: string): string | null {
  if (process.geteuid!() === 0) return join("/etc", engine.file(name));
  if (!engine.isUsers) return null;
  const { HOME, XDG_CONFIG_HOME } = process.env;
  const directory = XDG_CONFIG_HOME?.startsWith("/") ? XDG_CONFIG_HOME : join(HOME ?? "/", ".config");
  return join(directory, engine.file(name));
}
