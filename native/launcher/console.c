// Pseudo-terminals: see console.h.
#include "console.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "handover.h"
#include "report.h"

void console_check(bool terminal, bool detach, const char *socket) {
  if (terminal && detach && !socket)
    fail(EXIT_RINGFENCE, "cannot allocate tty if ringfence will detach without setting console socket");
  if (!terminal && socket)
    fail(EXIT_RINGFENCE, "cannot use console socket if ringfence will not detach or allocate tty");
}

void console_open(struct console *console, unsigned columns, unsigned rows) {
  console->master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
  int unlocked = 0;
  if (console->master < 0 || ioctl(console->master, TIOCSPTLCK, &unlocked) < 0)
    fail_errno(EXIT_RINGFENCE, "making a terminal");
  // Not by its name: that is found in whichever /dev/pts this process sees.
  console->slave = ioctl(console->master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (console->slave < 0) fail_errno(EXIT_RINGFENCE, "opening the other end of a terminal");
  struct winsize size = {.ws_col = (unsigned short)columns, .ws_row = (unsigned short)rows};
  if (columns && rows && ioctl(console->master, TIOCSWINSZ, &size) < 0)
    fail_errno(EXIT_RINGFENCE, "setting a terminal's size");
}

void console_send(struct console *console, const char *path) {
  handover_send(path, "/dev/ptmx", console->master); // the text is runc's
  close(console->master);
  console->master = -1;
}
