// A descriptor that is handed to whoever listens at a path: a terminal's master, a pidfd.
#ifndef RINGFENCE_HANDOVER_H
#define RINGFENCE_HANDOVER_H

#include <sys/types.h>

// Sends a copy of `fd` and the text to the socket at `path`, of any length. Fails where nobody takes it.
void handover_send(const char *path, const char *text, int fd);

// A pidfd of that process; nothing is done where `path` is NULL. The text is runc's: "standard" for a container's first
// process, "setns" for a further one.
void handover_pidfd(const char *path, const char *text, pid_t pid);

#endif
