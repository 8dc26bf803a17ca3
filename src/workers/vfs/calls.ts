// The handlers of the VFS, collected from one file per area.

import type { Handlers } from "../call/dispatch.ts";
import { AIO_HANDLERS } from "./aio/aio_calls.ts";
import { EPOLL_HANDLERS } from "./anonymous/epoll_calls.ts";
import { EVENT_HANDLERS } from "./anonymous/event_calls.ts";
import { INOTIFY_HANDLERS } from "./anonymous/inotify_calls.ts";
import { ATTRIBUTE_HANDLERS } from "./attribute_calls.ts";
import type { VfsCaller } from "./caller.ts";
import { DESCRIPTOR_HANDLERS } from "./descriptor_calls.ts";
import { DIRECTORY_HANDLERS } from "./directory_calls.ts";
import { HANDLE_HANDLERS } from "./handle_calls.ts";
import { LOCK_HANDLERS } from "./lock_calls.ts";
import { MEMORY_FILE_HANDLERS } from "./memory_file_calls.ts";
import { MOUNT_HANDLERS } from "./mount_calls.ts";
import { OPEN_HANDLERS } from "./open_calls.ts";
import { PIPE_HANDLERS } from "./pipe_calls.ts";
import { POLL_HANDLERS } from "./poll_calls.ts";
import { READ_WRITE_HANDLERS } from "./read_write_calls.ts";
import { SELECT_HANDLERS } from "./select_calls.ts";
import { SPACE_HANDLERS } from "./space_calls.ts";
import { SPLICE_HANDLERS } from "./splice_calls.ts";
import { STAT_HANDLERS } from "./stat_calls.ts";
import { SYNC_HANDLERS } from "./sync_calls.ts";
import { VECTOR_HANDLERS } from "./vector_calls.ts";
import { XATTR_HANDLERS } from "./xattr_calls.ts";

export const VFS_HANDLERS: Handlers<VfsCaller> = {
  ...READ_WRITE_HANDLERS,
  ...DESCRIPTOR_HANDLERS,
  ...OPEN_HANDLERS,
  ...MEMORY_FILE_HANDLERS,
  ...MOUNT_HANDLERS,
  ...STAT_HANDLERS,
  ...DIRECTORY_HANDLERS,
  ...ATTRIBUTE_HANDLERS,
  ...SPACE_HANDLERS,
  ...XATTR_HANDLERS,
  ...PIPE_HANDLERS,
  ...SPLICE_HANDLERS,
  ...LOCK_HANDLERS,
  ...SYNC_HANDLERS,
  ...VECTOR_HANDLERS,
  ...AIO_HANDLERS,
  ...EPOLL_HANDLERS,
  ...EVENT_HANDLERS,
  ...HANDLE_HANDLERS,
  ...INOTIFY_HANDLERS,
  ...POLL_HANDLERS,
  ...SELECT_HANDLERS,
};
