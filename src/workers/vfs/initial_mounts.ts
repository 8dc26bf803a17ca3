// The mount tree that a sandbox starts with.

import { GoferFs } from "../gofer/gofer_fs.ts";
import type { Kernel } from "../kernel.ts";
import { MS_RELATIME, type Path } from "./path.ts";

export function mountInitialTree(kernel: Kernel): Path {
  return kernel.mounts.mountRoot(new GoferFs(kernel, kernel.descriptors.root), MS_RELATIME, "root");
}
