import type { Any } from "@bufbuild/protobuf/wkt";
export interface O {
  root: string;
  binaryName: string;
  flags: string[];
}
export function readShimOptions(_o: Any | undefined): O | { error: string } {
  return { root: "", binaryName: "", flags: [] };
}
