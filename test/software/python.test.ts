// deadline: 3000 s
// CPython's own tests (package libpython3.13-testsuite in Debian 13), module by module.

import { existsSync, readdirSync } from "node:fs";
import { test } from "uvu";
import { compareSuites, type Expected, isFull, isInstalled, type Outcomes } from "./compare.ts";

const MODULE_MS = 400_000;
const MODULE_S = 300;

/** Those that found most in the past. */
const SMALL = ["signal", "subprocess", "threading", "posix", "pty", "fcntl", "wait3", "mmap", "resource"];
const FULL = [
  ...SMALL,
  "os",
  "wait4",
  "select",
  "poll",
  "epoll",
  "socket",
  "ssl",
  "httplib",
  "urllib2_localnet",
  "smtplib",
  "ftplib",
  "poplib",
  "imaplib",
  "httpservers",
  "xmlrpc",
  "wsgiref",
  "asyncio",
  "io",
  "fileio",
  "file",
  "tempfile",
  "shutil",
  "pathlib",
  "glob",
  "time",
  "selectors",
  "mailbox",
  "multiprocessing_fork.test_processes",
  "multiprocessing_spawn.test_processes",
  "concurrent_futures.test_process_pool",
  "concurrent_futures.test_thread_pool",
  "threadsignals",
  "faulthandler",
  "posixpath",
  "zipfile",
  "tarfile",
  "sqlite3",
  "venv",
  "cmd_line",
  "fork1",
  "popen",
  "openpty",
  "ioctl",
  "tty",
  "largefile",
  "thread",
  "queue",
  "gc",
  "sys",
  "dbm",
  "readline",
  "stat",
  "site",
];

const EXPECTED: readonly Expected[] = [
  { name: /UDPLITE/, why: "UDP-Lite" },
  { name: /test_unshare_setns$/, why: "namespaces of users" },
  { name: /test_fcntl_64_bit$/, why: "directory notification" },
];

// "test_x (test.test_m.Class.test_x) ... ok"; what a test prints may stand between.
function outcomes(text: string): Outcomes {
  const found = new Map<string, string>();
  let open = "";
  for (const line of text.split("\n")) {
    const start = /^test\w* \(test\.([\w.]+)\) \.\.\. ?(.*)$/.exec(line);
    if (start !== null) open = start[1]!;
    const said = /^(ok|FAIL|ERROR|skipped .*|expected failure)$/.exec(start === null ? line : start[2]!);
    if (said !== null && open !== "") {
      found.set(open, said[1]!.replace(/ .*/, ""));
      open = "";
    } else if (start !== null) found.set(open, "did not run");
  }
  return found;
}

const root = readdirSync("/usr/lib").find(
  (name) => /^python3\.\d+$/.test(name) && existsSync(`/usr/lib/${name}/test/test_wait3.py`),
);

if (root === undefined) console.log("skipped: libpython3.13-testsuite is not installed");
else if (isInstalled(root, root))
  for (const name of isFull ? FULL : SMALL)
    test(`CPython: test_${name}`, async () => {
      await compareSuites({
        script: `export PYTHONDONTWRITEBYTECODE=1; exec timeout -k 5 ${MODULE_S} ${root} -m test -v --timeout=150 test_${name} </dev/null`,
        outcomes,
        expected: EXPECTED,
        deadlineMs: MODULE_MS,
      });
    });

test.run();
