import type { Profile } from "../../shared/profile.ts";
export function pprof(_profile: Profile): Uint8Array {
  return new Uint8Array(0);
}
