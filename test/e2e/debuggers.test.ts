// Programs that trace others, in a sandbox, where they are installed: strace follows calls through forks and attaches to what
// runs, gdb breaks, steps and watches, a leak sanitizer finds a leak.
// deadline: 300 s

import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { ringfence, run } from "../spawn.ts";

const DEADLINE_MS = 60_000;
const directory = mkdtempSync("/var/tmp/ringfence-debuggers-");
test.after(() => rmSync(directory, { recursive: true, force: true }));

const PLATFORMS = [[], ["--platform=ptrace"], ["--workers=net,data=1"]];

async function inside(flags: readonly string[], script: string): Promise<string> {
  const args = [...flags, "do", "--", "sh", "-c", `cd ${directory}; ${script}`];
  const { stdout, stderr, code } = await run(ringfence, args, { deadlineMs: DEADLINE_MS });
  assert.is(code, 0, `${stdout}${stderr}`);
  return stdout.toString();
}

/** A compiled program, or null where nothing compiles it. */
function compiled(name: string, source: string, ...flags: string[]): string | null {
  writeFileSync(join(directory, `${name}.c`), source);
  try {
    execFileSync("gcc", ["-g", "-O0", ...flags, "-o", join(directory, name), join(directory, `${name}.c`)]);
  } catch {
    return null;
  }
  return `./${name}`;
}

for (const flags of PLATFORMS) {
  const how = flags.join(" ") || "by default";

  test(`strace follows calls through forks, ${how}`, async () => {
    if (!existsSync("/usr/bin/strace")) return;
    const text = await inside(
      flags,
      "strace -f -o /tmp/log sh -c 'echo hi; /bin/true; exit 3'; echo $?; cat /tmp/log",
    );
    assert.match(text, /^hi\n3\n/);
    assert.match(text, /execve\("\/bin\/true", \["\/bin\/true"\], 0x[0-9a-f]+ /);
    assert.match(text, /write\(1, "hi\\n", 3\) += 3/);
    assert.match(text, /\[\{WIFEXITED\(s\) && WEXITSTATUS\(s\) == 0\}\]/);
    assert.match(text, /exit_group\(3\) += \?/);
    assert.match(text, /\+\+\+ exited with 3 \+\+\+/);
  });

  test(`strace attaches to what runs, and lets it go, ${how}`, async () => {
    if (!existsSync("/usr/bin/strace")) return;
    const script = `sh -c 'while :; do sleep 0.05; done' & victim=$!
      sleep 0.2; timeout -s INT 1 strace -f -o /tmp/log -p $victim; kill -0 $victim && echo it lives
      grep TracerPid /proc/$victim/status; kill $victim; grep -c nanosleep /tmp/log`;
    const text = await inside(flags, script);
    assert.match(text, /it lives\nTracerPid:\t0\n[1-9]/);
  });

  test(`strace changes results and counts calls, ${how}`, async () => {
    if (!existsSync("/usr/bin/strace")) return;
    const text = await inside(
      flags,
      "strace -o /tmp/log -e inject=openat:error=EACCES:when=3+ cat /etc/hostname 2>&1; strace -c -o /tmp/sums true; cat /tmp/sums",
    );
    assert.match(text, /Permission denied/);
    assert.match(text, /execve/);
  });

  test(`gdb breaks, steps, watches and tells threads, ${how}`, async () => {
    const source = `#include <pthread.h>
      #include <stdio.h>
      int g; int f(int n) { g += n; return g; }
      void *thread(void *p) { f(100); return p; }
      int main(void) { pthread_t id; for (int i = 1; i < 4; i++) f(i);
        pthread_create(&id, 0, thread, 0); pthread_join(id, 0); printf("%d\\n", g); return 5; }`;
    const program = compiled("debugged", source, "-pthread");
    if (!existsSync("/usr/bin/gdb") || program === null) return;
    const commands = [
      "set debuginfod enabled off",
      "break f",
      "run",
      "p n",
      "next",
      "p g",
      "stepi",
      "bt",
      "delete",
      "watch g",
    ];
    const more = [
      "continue",
      "delete",
      "break f if n == 100",
      "continue",
      "info threads",
      "p $_thread",
      "delete",
      "continue",
    ];
    const args = [...commands, ...more].map((command) => `-ex '${command}'`).join(" ");
    const text = await inside(flags, `gdb -nx -batch ${args} ${program} 2>&1`);
    assert.match(text, /Breakpoint 1, f \(n=1\)/);
    assert.match(text, /\$1 = 1\n/);
    assert.match(text, /\$2 = 1\n/);
    assert.match(text, /Old value = 1\nNew value = 3/);
    assert.match(text, /f \(n=100\)/);
    assert.match(text, /\$3 = 2\n/);
    assert.match(text, /exited with code 05/);
  });

  test(`gdb attaches, reads, writes and calls, ${how}`, async () => {
    const source =
      "int g = 7; int twice(int n) { return 2 * n; } int main(void) { while (g == 7) ; return g; }";
    const program = compiled("attached", source);
    if (!existsSync("/usr/bin/gdb") || program === null) return;
    const args = ["set debuginfod enabled off", "p g", "p twice(21)", "set var g = 9", "detach"];
    const commands = args.map((command) => `-ex '${command}'`).join(" ");
    const script = `${program} & victim=$!; sleep 0.2; gdb -nx -batch -p $victim ${commands} 2>&1; wait $victim; echo ends with $?`;
    const text = await inside(flags, script);
    assert.match(text, /\$1 = 7\n/);
    assert.match(text, /\$2 = 42\n/);
    assert.match(text, /ends with 9/);
  });

  test(`a leak sanitizer finds a leak, ${how}`, async () => {
    const source =
      "#include <stdlib.h>\nint main(void) { volatile char *p = malloc(7); p = 0; return p != 0; }";
    const program = compiled("leaking", source, "-fsanitize=address");
    if (program === null) return;
    const text = await inside(flags, `${program} 2>&1; echo ends with $?`);
    assert.match(text, /7 byte\(s\) leaked/);
    assert.match(text, /ends with 1\n/);
  });
}

test.run();
