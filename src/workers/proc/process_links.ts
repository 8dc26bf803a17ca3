// Magic links of /proc/PID: exe, cwd, root, fd/N. Reading or following them takes the right to look into
// the process (proc(5)).

import { EACCES, ENOENT } from "../../shared/abi/errno.ts";
import { O_CLOEXEC } from "../../shared/abi/fcntl.ts";
import { mayCurrentInspect, mayInspect } from "../process/ptrace_access.ts";
import type { OpenFile } from "../vfs/file.ts";
import {
  type Dynamic,
  directory,
  type FileNode,
  type LinkNode,
  link,
  numberOf,
} from "../vfs/generated/nodes.ts";
import type { MagicTarget } from "../vfs/inode.ts";
import { displayName, type Path } from "../vfs/path.ts";
import type { DescriptorSubject, ProcessSubject } from "./subjects.ts";

/** How a place of another process looks to whoever asks. */
function nameFor(subject: ProcessSubject, path: Path): string {
  const { kernel } = subject;
  return displayName(path, kernel.current?.fs.root ?? kernel.root);
}

function placeLink(find: (subject: ProcessSubject) => Path | null): LinkNode<ProcessSubject> {
  return link<ProcessSubject>(
    (subject) => {
      const error = mayCurrentInspect(subject.task);
      if (error < 0) return error;
      const path = subject.alive ? find(subject) : null;
      return path === null ? -ENOENT : nameFor(subject, path);
    },
    (subject): MagicTarget => {
      if (mayCurrentInspect(subject.task) < 0) return { kind: "error", errno: EACCES };
      const path = subject.alive ? find(subject) : null;
      return path === null ? { kind: "error", errno: ENOENT } : { kind: "path", path };
    },
  );
}

export const PLACE_LINKS = {
  cwd: placeLink(({ task }) => task.fs.cwd),
  exe: placeLink(({ task }) => task.stub.space.program),
  root: placeLink(({ task }) => task.fs.root),
};

function describe(subject: ProcessSubject, open: OpenFile): string {
  return open.path === null ? open.describe() : nameFor(subject, open.path);
}

const FD_LINK: LinkNode<DescriptorSubject> = {
  kind: "link",
  size: 64,
  mode: ({ file: open }) => 0o100 | (open?.readable ? 0o400 : 0) | (open?.writable ? 0o200 : 0),
  read: ({ process, file: open }) => {
    const error = mayCurrentInspect(process.task);
    if (error < 0) return error;
    return open === undefined ? -ENOENT : describe(process, open);
  },
  follow: ({ process, file: open }) => {
    if (mayCurrentInspect(process.task) < 0) return { kind: "error", errno: EACCES };
    if (open === undefined) return { kind: "error", errno: ENOENT };
    return open.path === null ? { kind: "file", file: open } : { kind: "path", path: open.path };
  },
};

function infoHead({ process, fd }: DescriptorSubject, open: OpenFile): string {
  const flags = open.flags | (process.files?.closesOnExec(fd) === true ? O_CLOEXEC : 0);
  const position = "position" in open ? open.position : 0;
  const mount = open.path?.mount.id ?? 0;
  const ino = open.inode?.ino ?? 0;
  return `pos:\t${position}\nflags:\t0${flags.toString(8)}\nmnt_id:\t${mount}\nino:\t${ino}\n`;
}

/** What an open file tells may be long (an epoll set): a record at a time. */
const FD_INFO: FileNode<DescriptorSubject> = {
  kind: "file",
  mode: 0o444,
  open(subject, credentials) {
    const { task } = subject.process;
    const refused = mayInspect(credentials, task);
    if (refused < 0) return refused;
    return {
      *records() {
        const { file: open } = subject;
        const error = open === undefined ? -ENOENT : mayInspect(credentials, task);
        if (error < 0 || open === undefined) {
          yield error;
          return;
        }
        yield infoHead(subject, open);
        yield* open.info(subject.process.system.pids);
      },
    };
  },
};

function descriptors(node: typeof FD_LINK | typeof FD_INFO): Dynamic<ProcessSubject> {
  return {
    lookup: (subject, name) => {
      const error = mayCurrentInspect(subject.task);
      if (error < 0) return error;
      const fd = numberOf(name);
      if (fd < 0 || subject.files?.get(fd) === undefined) return -ENOENT;
      return { node, subject: subject.descriptor(fd) };
    },
    names: (subject) => {
      const error = mayCurrentInspect(subject.task);
      if (error < 0) return error;
      return [...(subject.files?.descriptors() ?? [])].map(([fd]) => String(fd));
    },
  };
}

export const DESCRIPTOR_DIRECTORIES = {
  fd: directory<ProcessSubject>({}, descriptors(FD_LINK), 0o500),
  fdinfo: directory<ProcessSubject>({}, descriptors(FD_INFO), 0o555),
};
