// /proc/PID/net (proc_pid_net(5)): files of its network namespace. Where another kernel thread has the network, it
// makes their text. Whoever has one open keeps the namespace.

import { RemoteText } from "../net/files/remote_text.ts";
import { GUARDED_TEXTS, linesOf, NET_TEXT_NAMES, SYSCTL_TEXT } from "../net/files/texts.ts";
import type { Network } from "../net/network.ts";
import { unixLines } from "../net/unix/listing.ts";
import type { SupervisorContext } from "../process/context.ts";
import { bound, directory, type FileNode, type Subject } from "../vfs/generated/nodes.ts";
import type { ProcessSubject, SystemSubject } from "./subjects.ts";

function text(name: string): FileNode<ProcessSubject> {
  return textOf(name, ({ network }) => network);
}

function textOf<S extends Subject & { readonly kernel: SupervisorContext }>(
  name: string,
  networkOf: (subject: S) => Network,
): FileNode<S> {
  const file = NET_TEXT_NAMES.indexOf(name);
  const node = bound<S>(
    (subject, { userNamespace }) => {
      const { netThread } = subject.kernel;
      const network = networkOf(subject).hold();
      const release = () => network.release();
      if (netThread === null) return { records: () => linesOf(network, name, userNamespace.uids), release };
      const remote = new RemoteText(netThread, network.number, file, userNamespace);
      return { records: () => remote.records(), wait: (task) => remote.wait(task), release };
    },
    { mode: GUARDED_TEXTS.has(name) ? 0o440 : 0o444 },
  );
  return { ...node, owner: (subject) => networkOf(subject).owner.root };
}

/** Files of /proc/sys/net that the thread of the network makes. */
export const NET_SYSCTL_FILES: Readonly<Record<string, FileNode<SystemSubject>>> = {
  "net/netfilter/nf_conntrack_count": textOf(
    `${SYSCTL_TEXT}nf_conntrack_count`,
    ({ kernel }) => kernel.current?.network ?? kernel.network,
  ),
};

export const NET_FILES = directory<ProcessSubject>({
  ...Object.fromEntries(
    NET_TEXT_NAMES.filter((name) => !name.startsWith(SYSCTL_TEXT)).map((name) => [name, text(name)]),
  ),
  // Of thread 0 in any case.
  unix: bound(({ kernel, network }) => ({ records: () => unixLines(kernel.unixSockets, network) })),
});
