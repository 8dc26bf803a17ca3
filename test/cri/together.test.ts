// deadline: 180 s
// Containers of one pod beside each other by containerd's CRI plugin: what they share, and what not.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { withEngine } from "./columns.ts";
import { NamespaceMode } from "./gen/runtime_pb.ts";
import { OWN } from "./pod.ts";

const LOOP = "echo up; while :; do sleep 0.05; done";
const SHARED_PID = { ...OWN, pid: NamespaceMode.POD };

withEngine((columns, engine) => {
  columns.both(
    "three containers: they talk over the loopback device, by TCP and UDP, and have one address",
    async ({ pod }) => {
      const made = await pod();
      const served = "echo served > /tmp/index.html; echo up; exec httpd -f -p 127.0.0.1:8080 -h /tmp";
      await made.up(served, { name: "server" });
      await made.up("exec peer udp 7", { name: "echo" });
      const client = await made.up(LOOP, { name: "client" });
      const page = await client.exec("wget", "-q", "-O", "-", "http://127.0.0.1:8080/");
      const datagram = await client.exec("peer", "udp", "7", "datagram");
      const addresses = [];
      for (const container of [client, await made.up(LOOP, { name: "other" })])
        addresses.push(await container.exec("ip", "-4", "-o", "addr", "show", "dev", "eth0"));
      const taken = await client.exec("sh", "-c", "httpd -p 127.0.0.1:8080 2>&1 | grep -o 'in use'");
      return `${page} ${datagram} ${addresses[0] === addresses[1]} ${taken}`;
    },
    /^served datagram true in use$/,
  );

  columns.both(
    "a volume of two containers: files, a pipe, locks, and memory that both have mapped",
    async ({ directory, pod }) => {
      mkdirSync(join(directory, "volume"));
      const mounts = [{ containerPath: "/volume", hostPath: join(directory, "volume") }];
      const made = await pod();
      const script = "cd /volume; mkfifo pipe; echo one > file; echo up; cat pipe";
      const writer = await made.up(script, { name: "writer", mounts });
      const holder = await made.up("exec peer hold /volume/lock", { name: "holder", mounts });
      await made.up("exec peer answer /volume/words", { name: "answers", mounts });
      const reader = await made.up(LOOP, { name: "reader", mounts });
      const told = [
        await reader.exec("cat", "/volume/file"),
        await reader.exec("peer", "try", "/volume/lock"),
      ];
      await holder.stop(0);
      told.push(await reader.exec("peer", "try", "/volume/lock"));
      told.push(await reader.exec("peer", "ask", "/volume/words"));
      await reader.exec("sh", "-c", "echo through > /volume/pipe");
      return [...told, await writer.told()].join();
    },
    /^one,held,free,7,up\nthrough\nCONTAINER_EXITED Completed 0$/,
  );

  columns.both(
    "shared memory, by a file and System V's, is the pod's",
    async ({ pod }) => {
      const made = await pod();
      const first = await made.up(LOOP, { name: "first" });
      const second = await made.up("exec peer answer /dev/shm/words", { name: "second" });
      await first.exec("sh", "-c", "echo shared > /dev/shm/file");
      const told = [
        await second.exec("cat", "/dev/shm/file"),
        await first.exec("peer", "ask", "/dev/shm/words"),
      ];
      await first.exec("peer", "put", "77", "segment");
      told.push(await second.exec("peer", "get", "77"));
      // Of another pod it is not.
      const other = await (await pod()).up(LOOP);
      told.push(await other.exec("sh", "-c", "peer get 77 2>&1; ls /dev/shm | wc -l"));
      return told.join();
    },
    /^shared,7,segment,get: No such file or directory\n0$/,
  );

  columns.both(
    "host names, addresses and devices are one; roots, mounts and processes are not",
    async ({ pod }) => {
      const made = await pod({ config: { hostname: "both" } });
      const first = await made.up(LOOP, { name: "first" });
      const second = await made.up(`touch /own; ${LOOP}`, { name: "second" });
      const told = [];
      for (const name of ["uts", "net", "ipc", "mnt", "pid"]) {
        const spaces = [first, second].map((each) => each.exec("readlink", `/proc/self/ns/${name}`));
        const [one, other] = await Promise.all(spaces);
        told.push(`${name} ${one === other}`);
      }
      const names = await Promise.all([first, second].map((each) => each.exec("hostname")));
      const processes = await first.exec("sh", "-c", "ps | grep '[t]ouch /own' | wc -l");
      const has = await first.exec("sh", "-c", "ls /own 2> /dev/null | wc -l");
      return `${told} ${names} ${processes} ${has}`;
    },
    /^uts true,net true,ipc true,mnt false,pid false both,both 0 0$/,
  );

  columns.both(
    "processes of one pod that shares them: each sees all, signals pass, and orphans are reaped",
    async ({ pod }) => {
      const made = await pod({ namespaces: SHARED_PID });
      const script = "trap 'echo asked; exit 3' USR1; echo up; while :; do sleep 0.05; done";
      const first = await made.up(script, { name: "first" });
      const second = await made.up(LOOP, { name: "second" });
      const init = await second.exec("sh", "-c", "ps -o pid,comm | grep pause");
      await second.exec("sh", "-c", "(sleep 0.1 &)");
      const pid = "ps -o pid,args | sed -n 's/^ *\\([0-9]*\\) sh -c trap.*/\\1/p' | head -n 1"; // not a child that is about to be another program
      await second.exec("sh", "-c", `kill -USR1 $(${pid})`);
      const how = await first.told();
      const still = await second.exec("echo", "goes on");
      const zombies = await second.exec("sh", "-c", "sleep 0.5; ps -o stat | grep -c Z");
      return `${init.trim()} ${how} ${still} ${zombies.split("\n")[0]}`;
    },
    /^1 pause up\nasked\nCONTAINER_EXITED Error 3 goes on 0$/,
  );

  columns.both(
    "a pod that shares its processes ends with the first of them",
    async ({ pod }) => {
      const made = await pod({ namespaces: SHARED_PID });
      const container = await made.up(LOOP);
      process.kill((await made.info()).pid, "SIGKILL");
      return container.ended();
    },
    /^CONTAINER_EXITED Error 137$/,
  );

  columns.both(
    "a container for finding faults, in the processes of another one",
    async ({ pod }) => {
      const made = await pod();
      const target = await made.up("echo up; exec sleep 88", { name: "target" });
      const namespaces = { ...OWN, pid: NamespaceMode.TARGET, targetId: target.id };
      const debug = await made.up(LOOP, { name: "debug", namespaces });
      const root = await debug.exec("head", "-n", "1", "/proc/1/root/etc/passwd");
      return `${await debug.exec("cat", "/proc/1/comm")} ${root}`;
    },
    /^sleep root:x:0:0:/,
  );

  columns.both(
    "one container ends or is killed, and the others of its pod go on",
    async ({ pod }) => {
      const made = await pod();
      const stays = await made.up(LOOP, { name: "stays" });
      const ends = await made.once("exit 2", { name: "ends" });
      const killed = await made.up(LOOP, { name: "killed" });
      await killed.stop(0);
      await killed.remove();
      const again = await made.up(LOOP, { name: "killed", attempt: 1 });
      return `${ends} ${await stays.exec("echo", "stays")} ${await again.exec("echo", "again")}`;
    },
    /^CONTAINER_EXITED Error 2 stays again$/,
  );

  columns.both(
    "containerd is killed, and started again: containers are there, their ends and logs are not lost",
    async ({ directory, pod }) => {
      const made = await pod();
      const mounts = [{ containerPath: "/shared", hostPath: directory }];
      const script = "echo up; while [ ! -e /shared/go ]; do sleep 0.05; done; echo went; exit 6";
      const waits = await made.up(script, { name: "waits", mounts });
      const stays = await made.up(LOOP, { name: "stays", mounts });
      await engine.restart("SIGKILL");
      const before = await stays.exec("echo", "stays");
      await stays.exec("touch", "/shared/go");
      const told = await waits.told();
      await stays.stop(0);
      return `${before} ${told} ${await stays.ended()}`;
    },
    /^stays up\nwent\nCONTAINER_EXITED Error 6 CONTAINER_EXITED Error 137$/,
  );
});
