// A pseudo-terminal for a container: the slave is the guest's standard streams, the master goes to whoever
// listens on --console-socket.
#ifndef RINGFENCE_CONSOLE_H
#define RINGFENCE_CONSOLE_H

#include <stdbool.h>

struct console {
  int master, slave; // -1 where there is none
};

// Opens a pair on the host. The size is set where both numbers are known (not 0).
void console_open(struct console *console, unsigned columns, unsigned rows);

// Sends the master to the socket at `path`, of any length, and closes it.
void console_send(struct console *console, const char *path);

// Fails where a process with or without a terminal does not go together with --console-socket: who leaves
// must hand the terminal over, and only a terminal can be.
void console_check(bool terminal, bool detach, const char *socket);

#endif
