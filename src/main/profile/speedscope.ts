import type { Profile } from "../../shared/profile.ts";
export function speedscope(_profile: Profile): object {
  return {};
}
