// Hostile guests under ptrace: those programs that concern the stub, its registers and its signals, since all else does not
// know what catches calls.
// deadline: 900 s

import { attackUnder } from "./attacks.ts";

attackUnder({
  name: "ptrace, solo",
  flags: ["--platform=ptrace", "--workers=solo"],
  only: /^(compat_calls|death_in_request|direct_exit|early_kicks|flags|forged_.*|gs_base|host_vdso|ignored_kicks|jump_into_stub|patched_sites|signal_frames|slot_garbage|strangers|traced_registers|tracee_.*)$/,
});

attackUnder({
  name: "ptrace, call sites patched at their first trap",
  flags: ["--platform=ptrace", "--workers=1", "--patch=eager"],
  only: /^(flags|gs_base|patched_sites|traced_registers)$/,
});
