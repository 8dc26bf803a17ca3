// /proc/PID/net (proc_pid_net(5)): files of the one network namespace. Where another kernel thread has the network, it
// makes their text.

import { RemoteText } from "../net/files/remote_text.ts";
import { linesOf, NET_TEXT_NAMES } from "../net/files/texts.ts";
import { unixLines } from "../net/unix/listing.ts";
import { bound, directory, type FileNode } from "../vfs/generated/nodes.ts";
import type { ProcessSubject } from "./subjects.ts";

function text(name: string, file: number): FileNode<ProcessSubject> {
  return bound((subject) => {
    const { netThread } = subject.kernel;
    if (netThread === null) return { records: () => linesOf(subject.kernel, name) };
    const remote = new RemoteText(netThread, file);
    return { records: () => remote.records(), wait: (task) => remote.wait(task) };
  });
}

export const NET_FILES = directory<ProcessSubject>({
  ...Object.fromEntries(NET_TEXT_NAMES.map((name, file) => [name, text(name, file)])),
  // Of thread 0 in any case.
  unix: bound(({ kernel }) => ({ records: () => unixLines(kernel.unixSockets) })),
});
