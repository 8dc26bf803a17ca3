// /proc/PID/net (proc_pid_net(5)): files of the one network namespace. Where another kernel thread has the network, it
// makes their text.

import { RemoteText } from "../net/files/remote_text.ts";
import { GUARDED_TEXTS, linesOf, NET_TEXT_NAMES, SYSCTL_TEXT } from "../net/files/texts.ts";
import { unixLines } from "../net/unix/listing.ts";
import { bound, directory, type FileNode } from "../vfs/generated/nodes.ts";
import type { ProcessSubject, SystemSubject } from "./subjects.ts";

function text(name: string): FileNode<SystemSubject> {
  const file = NET_TEXT_NAMES.indexOf(name);
  return bound(
    ({ kernel }) => {
      const { netThread } = kernel;
      if (netThread === null) return { records: () => linesOf(kernel, name) };
      const remote = new RemoteText(netThread, file);
      return { records: () => remote.records(), wait: (task) => remote.wait(task) };
    },
    { mode: GUARDED_TEXTS.has(name) ? 0o440 : 0o444 },
  );
}

/** Files of /proc/sys/net that the thread of the network makes. */
export const NET_SYSCTL_FILES: Readonly<Record<string, FileNode<SystemSubject>>> = {
  "net/netfilter/nf_conntrack_count": text(`${SYSCTL_TEXT}nf_conntrack_count`),
};

export const NET_FILES = directory<ProcessSubject>({
  ...Object.fromEntries(
    NET_TEXT_NAMES.filter((name) => !name.startsWith(SYSCTL_TEXT)).map((name) => [name, text(name)]),
  ),
  // Of thread 0 in any case.
  unix: bound(({ kernel }) => ({ records: () => unixLines(kernel.unixSockets) })),
});
