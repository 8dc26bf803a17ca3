// Runs an application's script in one place: natively in namespaces of its own, in which /tmp is memory as in a sandbox, or
// in a sandbox. Time is that of the script itself, without the start of the sandbox.

import { runCommand } from "../command.ts";
import type { Way } from "../ways.ts";
import type { Application } from "./application.ts";
import { DIRECTORIES } from "./packages.ts";

/** What a script has said in a place. */
export interface Said {
  readonly lines: readonly string[];
  /** Its exit code; undefined: it came to no end, and `why` says why. */
  readonly code: number | undefined;
  readonly why: string;
  readonly seconds: number;
}

/** What is left to a sandbox to start and end in, beside the script's own time. */
const SPARE_MS = 20_000;
const MICROSECONDS = 1e6;

const APART = [
  "unshare",
  "--mount",
  "--net",
  "--ipc",
  "--uts",
  "--pid",
  "--fork",
  "--mount-proc",
  "--kill-child",
];
const NATIVE = [
  ...APART,
  "sh",
  "-c",
  'mount -t tmpfs -o mode=1777 tmpfs /tmp && ip link set lo up && exec "$@"',
  "sh",
];
const ENVIRONMENT = [
  "env",
  "-i",
  `PATH=${DIRECTORIES.join(":")}`,
  "LC_ALL=C.UTF-8",
  "TZ=UTC",
  "USER=user",
  "TERM=dumb",
];

/** What scripts may call. */
const HELPERS = `
# Waits until a command succeeds.
until_so() { local i; for i in {1..300}; do if "$@" > /dev/null 2>&1; then return 0; fi; sleep 0.05; done; echo "never: $*"; return 1; }
is_open() { (: < /dev/tcp/127.0.0.1/$1) 2> /dev/null; }
# Ends a process of the script by a signal, and is silent about it.
end_by() { kill -$1 $2; wait $2 2> /dev/null || true; }
# Waits until something listens on a TCP port of localhost.
until_open() { until_so is_open "$1"; }
`;
const AROUND = `
exec 2>&1 < /dev/null
export HOME=$(mktemp -d /tmp/application.XXXXXX)
cd "$HOME"
from=$EPOCHREALTIME
bash -c "$1"
code=$?
to=$EPOCHREALTIME
printf '\\n\\1%s %s %s\\n' $code $HOME $((\${to/./} - \${from/./}))
`;

const LAST = /\n\u0001(\d+) (\S+) (\d+)\n$/;

/** Never rejects: what goes wrong is what was said. */
export async function said(application: Application, way: Way, work: string): Promise<Said> {
  const { user, script, deadlineMs } = application;
  const as = user === "root" ? [] : ["setpriv", `--reuid=${user}`, `--regid=${user}`, "--clear-groups"];
  const argv = [...as, ...ENVIRONMENT, "bash", "-c", AROUND, "bash", `set -e\n${HELPERS}\n${script}`];
  const command = way.name === "native" ? [...NATIVE, ...argv] : way.run(argv, { work }, false);
  try {
    const { stdout } = await runCommand(command, { deadlineMs: deadlineMs + SPARE_MS });
    const [whole, code, home, us] = LAST.exec(stdout) ?? [];
    if (whole === undefined) return { lines: [], code: undefined, why: "it says no end", seconds: 0 };
    const text = stdout.slice(0, -whole.length).replaceAll(home!, "HOME").trimEnd();
    const lines = text === "" ? [] : text.split("\n");
    return { lines, code: Number(code), why: "", seconds: Number(us) / MICROSECONDS };
  } catch (error) {
    return { lines: [], code: undefined, why: (error as Error).message, seconds: 0 };
  }
}
