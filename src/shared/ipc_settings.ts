// Settings of an IPC namespace, by their names below /proc/sys/kernel: a container's configuration may give them.

export const IPC_SETTING_NAMES = [
  "msgmax",
  "msgmnb",
  "msgmni",
  "sem",
  "shm_rmid_forced",
  "shmall",
  "shmmax",
  "shmmni",
] as const;
