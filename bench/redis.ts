// redis with a load of ten clients: once for each way to reach it.

import { amount, app } from "./app.ts";
import { fasterThanRunsc } from "./goals.ts";
import type { Subject } from "./subject.ts";

/** `server`: where it listens; `client`: where it is reached, as redis-cli and redis-benchmark take it. */
export function redis(name: string, label: string, server: string, client: string): Subject {
  return app({
    row: { name, label, goals: [fasterThanRunsc(1.5)] },
    needs: [
      ["redis-server", "redis-server"],
      ["redis-benchmark", "redis-tools"],
    ],
    script: `
directory=$(mktemp -d)
redis-server ${server} --save '' --appendonly no --dir $directory > $directory/log &
for i in $(seq 500); do redis-cli ${client} ping > $directory/ping 2>&1 && break; sleep 0.02; done
redis-benchmark ${client} -c 10 -n $2 -t get --csv | awk -F '"' '$2 == "GET" { printf "${name} %.0f\\n", 1e9 / $4 }'
kill %1; wait
rm -r $directory
`,
    arguments: amount(50_000, 500),
  });
}
