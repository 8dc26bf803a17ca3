// Pseudo-terminals: line editing, echo, output processing, MIN and TIME, hang-ups, job control.
//@ needs: ptys
#include "guest.h"
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>

static int master, slave;

static void show(const char *what, int fd) {
  char b[256], text[1024];
  struct pollfd p = {fd, POLLIN, 0};
  if (poll(&p, 1, 200) != 1) {
    say("%s: nothing", what);
    return;
  }
  long n = read(fd, b, sizeof b);
  if (n < 0) {
    say("%s: errno %d", what, errno);
    return;
  }
  int k = 0;
  for (long i = 0; i < n; i++)
    k += sprintf(text + k, b[i] >= 32 && b[i] < 127 ? "%c" : "<%d>", (unsigned char)b[i]);
  text[k] = 0;
  say("%s: %ld %s", what, n, text);
}

static void keys(const char *text) {
  write(master, text, strlen(text));
  show(" slave", slave);
  show(" master", master);
}

int main(void) {
  master = posix_openpt(O_RDWR | O_NOCTTY);
  char name[64];
  value("ptsname before unlock", ptsname_r(master, name, sizeof name));
  value("open locked", open(name, O_RDWR | O_NOCTTY) < 0 ? -errno : 0);
  value("unlock", unlockpt(master));
  slave = open(name, O_RDWR | O_NOCTTY);
  yes_no("slave", slave >= 0);
  yes_no("ttyname", ttyname(slave) && !strcmp(ttyname(slave), name));
  struct stat st;
  fstat(slave, &st);
  say("type %o rdev major %ld", st.st_mode & S_IFMT, (long)(st.st_rdev >> 8));
  fstat(master, &st);
  say("master rdev %lx", (long)st.st_rdev);
  struct termios t;
  tcgetattr(slave, &t);
  say("flags %o %o %o %o", t.c_iflag, t.c_oflag, t.c_cflag, t.c_lflag);
  keys("hello\n");
  keys("edix\x7ft\n");
  keys("kill\x15new\n");
  keys("two words\x17more\n");
  keys("lit\x16\x03x\r");
  keys("eof\x04");
  keys("\x04");
  keys("tab\tx\x7f\x7f\n");
  keys("\x01\x7f\n");
  keys("rep\x12more\n");
  keys("stop\x13");
  struct pollfd p = {slave, POLLOUT, 0};
  value("stopped: poll", poll(&p, 1, 0));
  keys("\x11\n");
  write(slave, "out\ta\nb", 7);
  show("output", master);
  tcgetattr(slave, &t);
  t.c_oflag |= TAB3;
  tcsetattr(slave, TCSANOW, &t);
  write(slave, "\ta\tb\n", 5);
  show("expanded tabs", master);
  t.c_oflag &= ~OPOST;
  tcsetattr(slave, TCSANOW, &t);
  write(slave, "\ta\n", 3);
  show("no processing", master);
  t.c_lflag &= ~ECHO;
  tcsetattr(slave, TCSANOW, &t);
  keys("secret\n");
  t.c_lflag &= ~ICANON;
  t.c_cc[VMIN] = 3;
  t.c_cc[VTIME] = 0;
  tcsetattr(slave, TCSANOW, &t);
  write(master, "ab", 2);
  p.events = POLLIN;
  value("two of three", poll(&p, 1, 50));
  write(master, "c", 1);
  show("three", slave);
  t.c_cc[VMIN] = 0;
  tcsetattr(slave, TCSANOW, &t);
  char b[16];
  value("MIN 0 TIME 0", read(slave, b, 16));
  t.c_cc[VTIME] = 1;
  tcsetattr(slave, TCSANOW, &t);
  value("MIN 0 TIME 1", read(slave, b, 16));
  int queued;
  write(master, "queue", 5);
  poll(&p, 1, 100);
  ioctl(slave, FIONREAD, &queued);
  value("FIONREAD", queued);
  value("flush", tcflush(slave, TCIFLUSH));
  ioctl(slave, FIONREAD, &queued);
  value("FIONREAD", queued);
  int on = 1;
  value("TIOCPKT", ioctl(master, TIOCPKT, &on));
  write(slave, "packet", 6);
  show("packet", master);
  tcflush(slave, TCIFLUSH);
  show("flush packet", master);
  on = 0;
  ioctl(master, TIOCPKT, &on);
  value("no session: TIOCGPGRP", ioctl(slave, TIOCGPGRP, &queued) < 0 ? -errno : 0);
  value("no session: TIOCGSID", ioctl(slave, TIOCGSID, &queued) < 0 ? -errno : 0);

  t.c_lflag |= ICANON | ISIG;
  tcsetattr(slave, TCSANOW, &t);
  pid_t child = fork();
  if (child == 0) {
    value("setsid", setsid() == getpid());
    value("TIOCSCTTY", ioctl(slave, TIOCSCTTY, 0));
    value("foreground", tcgetpgrp(slave) == getpid());
    value("session", tcgetsid(slave) == getpid());
    int tty = open("/dev/tty", O_RDWR);
    yes_no("/dev/tty", tty >= 0 && isatty(tty));
    write(tty, "ready", 5);
    pause();
    _exit(1);
  }
  show("child", master);
  write(master, "\x03", 1);
  int status;
  waitpid(child, &status, 0);
  say("ended by %d", WTERMSIG(status));
  value("after the session: write", write(slave, "still", 5));
  show("still", master);
  value("after the session: TIOCGPGRP", ioctl(slave, TIOCGPGRP, &queued) < 0 ? -errno : 0);
  close(slave);
  show("master without slave", master);
  slave = open(name, O_RDWR | O_NOCTTY);
  yes_no("opened again", slave >= 0);
  struct winsize size = {24, 80, 0, 0}, got;
  ioctl(slave, TIOCSWINSZ, &size);
  ioctl(master, TIOCGWINSZ, &got);
  say("size %d %d", got.ws_row, got.ws_col);
  close(master);
  value("no master: read", read(slave, b, 16));
  value("no master: open", open(name, O_RDWR | O_NOCTTY) < 0 ? -errno : 0);
  return 0;
}
