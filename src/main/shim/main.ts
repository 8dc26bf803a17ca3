// The shim's Node: `serve`, which the launcher starts (native/launcher/shim_start.c), and questions about the shim.

import packageJson from "../../../package.json" with { type: "json" };
import { serveTasks } from "./serve.ts";

const [action, ...words] = process.argv.slice(2);

if (action === "serve") {
  const [namespace, _containerd, address, root, level] = words as [string, string, string, string, string];
  serveTasks({ namespace, address, root, isDebug: level === "debug" });
} else if (process.argv.includes("-info") || process.argv.includes("--info")) {
  void import("./info.ts").then(({ writeInfo }) => writeInfo());
} else {
  process.stdout.write(`containerd-shim-ringfence-v1 ${packageJson.version}\n`);
}
