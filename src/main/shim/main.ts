// The shim's Node: `serve`, which the launcher starts (native/launcher/shim_start.c), and questions about the shim.

import { startupSnapshot } from "node:v8";
import packageJson from "../../../package.json" with { type: "json" };
import { writeInfo } from "./info.ts";
import { serveTasks } from "./serve.ts";

type Words = [
  namespace: string,
  containerd: string,
  address: string,
  root: string,
  level: string,
  sharing: string,
  native: string,
];

function main(action: string | undefined, words: readonly string[]): void {
  if (action === "serve") {
    const [namespace, _containerd, address, root, level, sharing, native] = words as Words;
    serveTasks({
      namespace,
      address,
      root,
      isDebug: level === "debug",
      isOfNode: sharing === "node",
      native,
    });
  } else if (process.argv.includes("-info") || process.argv.includes("--info")) {
    writeInfo();
  } else {
    process.stdout.write(`containerd-shim-ringfence-v1 ${packageJson.version}\n`);
  }
}

// It starts from a snapshot of itself, with all of its code compiled: its first caller waits for it.
if (startupSnapshot.isBuildingSnapshot())
  startupSnapshot.setDeserializeMainFunction(() => main(process.argv[1], process.argv.slice(2)));
else main(process.argv[2], process.argv.slice(3));
