// --network=host: sockets of the host, in a network namespace that the test made. Programs say there what they say natively;
// who may what is the sandbox's question first; nothing else of the host's sockets is reached, and nothing stays.
//
// deadline: 300 s

import { test } from "uvu";
import * as assert from "uvu/assert";
import { compile, parse } from "../guest/program.ts";
import { checkout, ringfence, run } from "../spawn.ts";
import { buildDriver } from "./driver.ts";

const MS = 60_000;
const LOOPBACK = 'ip link set lo up; exec "$@"';

/** In a network namespace of its own, which has loopback. */
function apart(program: string, args: readonly string[]) {
  return run("unshare", ["--net", "sh", "-c", LOOPBACK, "sh", program, ...args], { deadlineMs: MS });
}

function onHost(args: readonly string[]) {
  return apart(ringfence, ["--network=host", "do", "--", ...args]);
}

function binary(name: string, folder = "guest"): { path: string; runs: readonly (readonly string[])[] } {
  const program = parse(`${checkout}test/${folder}/${name}.c`);
  return { path: compile(program), runs: program.runs };
}

for (const name of [
  "tcp_streams",
  "tcp_connect",
  "tcp_listeners",
  "tcp_states",
  "tcp_info",
  "tcp_faults",
  "tcp_opening",
  "inet_raw",
])
  test(`${name}: as natively`, async () => {
    const { path, runs } = binary(name);
    for (const args of runs) {
      const native = await apart(path, args);
      const here = await onHost([path, ...args]);
      assert.is(here.stdout.toString(), native.stdout.toString(), here.stderr.toString());
      assert.is(here.code, native.code);
    }
  });

const FLAGS = ["systrap", "ptrace"].flatMap((platform) =>
  ["solo", "2"].map((workers) => [`--platform=${platform}`, `--workers=${workers}`]),
);

for (const name of [
  "tcp_pieces",
  "tcp_bulk",
  "tcp_again",
  "udp_pieces",
  "receive_low",
  "receive_marks",
  "connect_waits",
  "waiting_senders",
])
  test(`${name}: as natively, on all platforms and with more kernel threads`, async () => {
    const { path } = binary(name);
    const native = await apart(path, []);
    for (const flags of FLAGS) {
      const here = await apart(ringfence, ["--network=host", ...flags, "do", "--", path]);
      assert.is(here.stdout.toString(), native.stdout.toString(), `${flags}: ${here.stderr}`);
      assert.is(here.code, native.code);
    }
  });

const LISTEN = `
import socket, subprocess, sys
l = socket.socket(); l.bind(("127.0.0.1", 80)); l.listen()
print(subprocess.run(sys.argv[1:], capture_output=True, text=True).stdout, end="")
`;
const REACH = `
import socket
try:
    socket.create_connection(("127.0.0.1", 80), 5); print("reached")
except OSError as e: print("not reached")
`;

test("a listener of the host is reached by who was given its network, and by nobody else", async () => {
  for (const [flags, expected] of [
    [["--network=host"], "reached\n"],
    [[], "not reached\n"],
    [["--network=none"], "not reached\n"],
  ] as const) {
    const args = ["-c", LISTEN, ringfence, ...flags, "do", "--", "/usr/bin/python3", "-c", REACH];
    const { stdout, stderr } = await apart("python3", args);
    assert.is(stdout.toString(), expected, stderr.toString());
  }
});

const MAY = `
import socket, sys
def attempt(what, f):
    try: f(); print(what, "ok")
    except OSError as e: print(what, e.strerror)
attempt("port 80", lambda: socket.socket().bind(("", 80)))
attempt("port 8000", lambda: socket.socket().bind(("", 8000)))
attempt("raw", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1))
attempt("packet", lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0))
attempt("vsock", lambda: socket.socket(40, socket.SOCK_STREAM, 0))
attempt("filter", lambda: socket.socket().setsockopt(1, 26, bytes(16)))
attempt("ulp", lambda: socket.socket().setsockopt(6, 31, b"tls"))
attempt("tables", lambda: socket.socket().setsockopt(0, 64, bytes(100)))
`;

const OTHER = ["setpriv", "--reuid=1000", "--regid=1000", "--clear-groups"];

test("low ports and raw sockets are for the sandbox's privileged; what brings code in is for nobody", async () => {
  const privileged = await onHost(["/usr/bin/python3", "-c", MAY]);
  const other = await onHost([...OTHER, "/usr/bin/python3", "-c", MAY]);
  const refused =
    "packet Address family not supported by protocol\nvsock Address family not supported by protocol\n" +
    "filter Protocol not available\nulp Protocol not available\ntables Protocol not available\n";
  assert.is(privileged.stdout.toString(), `port 80 ok\nport 8000 ok\nraw ok\n${refused}`);
  assert.is(
    other.stdout.toString(),
    `port 80 Permission denied\nport 8000 ok\nraw Operation not permitted\n${refused}`,
  );
});

const OWNERS = `
import os, socket
l = socket.create_server(("127.0.0.1", 0))
s = socket.create_connection(l.getsockname())
c, _ = l.accept()
print([os.fstat(one.fileno()).st_uid for one in (l, s, c)])
`;

test("a socket is the user's who has made or accepted it", async () => {
  const [program, ...args] = [...OTHER, "/usr/bin/python3", "-c", OWNERS] as const;
  const native = await apart(program!, args);
  const here = await onHost([program!, ...args]);
  assert.is(native.stdout.toString(), "[1000, 1000, 1000]\n");
  assert.is(here.stdout.toString(), native.stdout.toString(), here.stderr.toString());
});

for (const [name, what] of [
  ["unread_streams", "a reader says it could not take"],
  ["stolen_buffers", "a reader's memory could not take"],
] as const)
  test(`what ${what} is what was sent`, async () => {
    const { stdout, stderr } = await onHost([binary(name, "hostile").path]);
    assert.is(stdout.toString(), "done\n", stderr.toString());
  });

const SERVE = `
import os, socket, threading
l = socket.create_server(("127.0.0.1", 0))
def serve():
    while True:
        c, _ = l.accept()
        while d := c.recv(65536): c.sendall(d)
        c.close()
for _ in range(4): threading.Thread(target=serve, daemon=True).start()
def ask(n):
    for i in range(20):
        s = socket.create_connection(l.getsockname())
        m = os.urandom(1 + n * 7919 % 100000); s.sendall(m); s.shutdown(1)
        r = b""
        while d := s.recv(65536): r += d
        assert r == m
threads = [threading.Thread(target=ask, args=(n,)) for n in range(8)]
[t.start() for t in threads]; [t.join() for t in threads]; print("all")
`;

test("many at once, with a kernel thread for the network too", async () => {
  for (const workers of ["solo", "1", "2"]) {
    const args = ["--network=host", `--workers=${workers}`, "do", "--", "/usr/bin/python3", "-c", SERVE];
    const { stdout, stderr, code } = await apart(ringfence, args);
    assert.is(stdout.toString(), "all\n", stderr.toString());
    assert.is(code, 0);
  }
});

test("more that ask for sockets at once than the maker's channel holds", async () => {
  const { stdout, stderr } = await onHost([buildDriver("socket_crowd", [], ["-pthread"])]);
  assert.is(stdout.toString(), "made 12000\n", stderr.toString());
});

const HOARD = `
import errno, resource, socket, subprocess
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
l = socket.create_server(("127.0.0.1", 0)); l.settimeout(10)
held = []
def until_it_fails(make):
    try:
        while True: held.append(make())
    except OSError as e: print(errno.errorcode[e.errno])
until_it_fails(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
print("many", len(held) > 500)
held.pop().close()
c = socket.create_connection(l.getsockname())
until_it_fails(lambda: l.accept()[0])
print("another", subprocess.run(["cat", "/etc/hostname"], capture_output=True).returncode)
held.pop().close()
print("one more", l.accept()[0].fileno() >= 0)
`;

test("sockets leave the rest of the sandbox descriptors of the host", async () => {
  const program = ["/usr/bin/python3", "-c", HOARD];
  const args = ["--nofile=4096:4096", ringfence, "--network=host", "do", "--", ...program];
  const { stdout, stderr } = await apart("prlimit", args);
  assert.is(stdout.toString(), "ENFILE\nmany True\nENFILE\nanother 0\none more True\n", stderr.toString());
});

const TOLD = `
import socket
IP_MSFILTER, MCAST_MSFILTER = 41, 48
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for level, name in (0, IP_MSFILTER), (0, MCAST_MSFILTER), (41, MCAST_MSFILTER):
    try: print(s.getsockopt(level, name, 200))
    except OSError as e: print(e.strerror)
`;

test("options that read where their value is to go are nobody's", async () => {
  const { stdout } = await onHost(["/usr/bin/python3", "-c", TOLD]);
  assert.is(stdout.toString(), "Protocol not available\n".repeat(3));
});

test("when the sandbox has ended, nothing of it is in the network", async () => {
  const script = `
    count() { for p in /proc/[0-9]*; do [ "$(readlink $p/ns/net)" = "$(readlink /proc/self/ns/net)" ] && cat $p/comm; done 2> /dev/null | grep -c $1; }
    ${ringfence} --network=host do -- sleep 100 & L=$!
    for i in $(seq 200); do n=$(count ringfence-make); [ "$n" = 1 ] && break; sleep 0.05; done
    echo "$n ringfence-make"
    kill -9 $L; wait $L 2> /dev/null
    for i in $(seq 200); do n=$(count ringfence); [ "$n" = 0 ] && break; sleep 0.05; done
    echo "left: $n"
  `;
  const { stdout } = await apart("bash", ["-c", script]);
  assert.match(stdout.toString(), /1 ringfence-make\nleft: 0\n$/);
});

test.run();
