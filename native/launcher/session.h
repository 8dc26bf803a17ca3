// The launcher while a guest program runs: it stands in for that program towards its caller. Signals
// go in as control lines, the end comes back as an event and becomes the launcher's own.
#ifndef RINGFENCE_SESSION_H
#define RINGFENCE_SESSION_H

#include <stdbool.h>
#include <termios.h>

#include "buffer.h"
#include "lines.h"

struct session {
  struct lines *control; // JSON lines to and from the sandbox
  int lifeline;          // to init, or -1 (exec)
  int log;               // log to keep the end of, or -1
  int watch_input;       // descriptor whose end of file ends the session (hold), or -1
  bool announce;         // say `ready` on standard output when the sandbox has started (hold)
  bool forward;          // signals go to the guest's program; otherwise INT and TERM end the session
  int terminal;          // the program's terminal, or -1
  struct termios modes;
  bool foreground;
  struct buffer log_tail;
};

// Blocks what the session reads from a signalfd; SIGCHLD first of all (see main.c).
void session_block_signals(void);

// Remembers terminal and its modes, if standard input is one. Before standard input is released.
void session_take_terminal(struct session *session);

// Runs until the program, the sandbox or the session ends. Returns the exit code.
int session_run(struct session *session);

#endif
