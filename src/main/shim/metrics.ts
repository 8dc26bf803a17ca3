import type { Any } from "@bufbuild/protobuf/wkt";
export function metrics(_c: readonly string[]): Any | undefined { return undefined; }
