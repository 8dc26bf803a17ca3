// PostgreSQL in the sandbox, as its users run it: a cluster is made, filled, put under load over a socket, killed,
// and comes back with all that was committed. It refuses root, so another user runs it.
//
// deadline: 300 s

import { existsSync, readdirSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { ringfence, run } from "../spawn.ts";

const VERSIONS = "/usr/lib/postgresql";
const USER = 101;
const version = existsSync(VERSIONS) ? readdirSync(VERSIONS)[0] : undefined;

const SCRIPT = `
set -e
export PATH=$1:$PATH
D=$(mktemp -d); cd $D
export PGHOST=$D PGUSER=admin PGDATA=$D/data
initdb -A trust -U admin --no-sync > log || { cat log; exit 1; }
cat >> data/postgresql.conf <<END
listen_addresses = ''
unix_socket_directories = '$D'
END
begin() { pg_ctl -l log -w start > /dev/null || { cat log; exit 1; }; }
count() { psql -tAc 'select count(*), sum(delta) = (select sum(tbalance) from pgbench_tellers) from pgbench_history' bench; }
begin
createdb bench
pgbench -q -i bench 2> log || { cat log; exit 1; }
pgbench -n -c 4 -j 2 -t 50 bench > log 2>&1 || { cat log; exit 1; }
count
P=$(head -1 data/postmaster.pid)
kill -9 $P
# The others see that it is gone, and end.
while pgrep -x postgres > /dev/null; do sleep 0.1; done
begin
count
grep -c 'not properly shut down' log
pg_ctl -m fast -w stop > /dev/null
wc -l < /proc/sysvipc/shm
`;

const EXPECTED = "200|t\n200|t\n1\n1\n";

if (version === undefined) {
  console.log("not installed: postgresql");
} else {
  test("a cluster works, and recovers from a crash", async () => {
    const programs = `${VERSIONS}/${version}/bin`;
    const asUser = ["setpriv", `--reuid=${USER}`, `--regid=${USER}`, "--clear-groups"];
    const args = ["do", "--", ...asUser, "bash", "-c", SCRIPT, "bash", programs];
    const { stdout, stderr, code } = await run(ringfence, args, { deadlineMs: 240_000 });
    assert.is(code, 0, `${stdout}${stderr}`);
    assert.is(stdout.toString(), EXPECTED, stderr.toString());
  });
}

test.run();
