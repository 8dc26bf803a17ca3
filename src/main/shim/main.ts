// The shim's Node: `serve`, which the launcher starts (native/launcher/shim_start.c), and questions about the shim.

import packageJson from "../../../package.json" with { type: "json" };
import { serveTasks } from "./serve.ts";

type Words = [
  namespace: string,
  containerd: string,
  address: string,
  root: string,
  level: string,
  sharing: string,
];

const [action, ...words] = process.argv.slice(2);

if (action === "serve") {
  const [namespace, _containerd, address, root, level, sharing] = words as [string, ...string[]] as Words;
  serveTasks({ namespace, address, root, isDebug: level === "debug", isOfNode: sharing === "node" });
} else if (process.argv.includes("-info") || process.argv.includes("--info")) {
  void import("./info.ts").then(({ writeInfo }) => writeInfo());
} else {
  process.stdout.write(`containerd-shim-ringfence-v1 ${packageJson.version}\n`);
}
