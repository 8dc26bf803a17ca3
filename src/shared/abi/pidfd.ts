// Descriptors of processes: pidfd_open(2), pidfd_send_signal(2).

// pidfd_open
export const PIDFD_NONBLOCK = 0o4000;
export const PIDFD_THREAD = 0o200;

// ioctl; struct pidfd_info is of Linux 6.13
export const PIDFS_IOCTL_MAGIC = 0xff;
export const PIDFD_INFO_SIZE_VER0 = 64;
export const PIDFD_INFO_PID = 0x1;
export const PIDFD_INFO_CREDS = 0x2;
export const PIDFD_INFO_EXIT = 0x8;

// pidfd_send_signal
export const PIDFD_SIGNAL_THREAD = 0x1;
export const PIDFD_SIGNAL_THREAD_GROUP = 0x2;
export const PIDFD_SIGNAL_PROCESS_GROUP = 0x4;
