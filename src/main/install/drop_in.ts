// Engines that read every file of a directory: the runtime has one to itself.

import { CommandError } from "../cli/command_error.ts";
import type { Editor, Runtime } from "./edit.ts";

const FIRST = "# Written by ringfence install; ringfence uninstall removes it.\n";

function own(engine: string, body: (runtime: Runtime) => string): Editor {
  return {
    add(text, runtime, clobber) {
      if (runtime.flags.length > 0) throw new CommandError(`${engine} has no place for flags of a runtime`);
      const wanted = `${FIRST}${body(runtime)}`;
      if (text !== null && text !== wanted && !text.startsWith(FIRST) && !clobber)
        throw new CommandError("the file is there, and not Ringfence's (--clobber replaces it)");
      return wanted;
    },

    remove(text) {
      if (text.startsWith(FIRST)) return null;
      throw new CommandError("the file is not Ringfence's");
    },
  };
}

/** podman reads errors of runtimes that it knows to write JSON from their logs. */
export const podmanDropIn: Editor = own(
  "podman",
  ({ name, path }) => `[engine]
runtime_supports_json = [${JSON.stringify(name)}, {append = true}]

[engine.runtimes]
${name} = [${JSON.stringify(path)}]
`,
);

export const crioDropIn: Editor = own(
  "CRI-O",
  ({ name, path }) => `[crio.runtime.runtimes.${name}]
runtime_path = ${JSON.stringify(path)}
runtime_type = "oci"
runtime_root = "/run/ringfence"
`,
);
