// A pseudo-terminal for a container: the slave is the guest's standard streams, the master goes to whoever
// listens on --console-socket.
#ifndef RINGFENCE_CONSOLE_H
#define RINGFENCE_CONSOLE_H

struct console {
  int master, slave; // -1 where there is none
};

// Opens a pair on the host. The size is set where both numbers are known (not 0).
void console_open(struct console *console, unsigned columns, unsigned rows);

// Sends the master to the socket at `path`, of any length, and closes it.
void console_send(struct console *console, const char *path);

#endif
