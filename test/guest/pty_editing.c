// The line discipline at its edges: lines that nobody reads yet, editing of UTF-8, ends of files and of
// lines, echo, changes of mode, MIN and TIME, packet mode, ends of either side.
//@ needs: ptys
//@ cflags: -lutil
#include "guest.h"
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <termios.h>

static int master, slave;
static struct termios settings;
static char bytes[20000];

static long result(long n) {
  return n < 0 ? -errno : n;
}

// What is there at once; keys take a moment natively.
static void take(const char *what, int fd, size_t size) {
  usleep(20000);
  fcntl(fd, F_SETFL, O_NONBLOCK);
  long n = result(read(fd, bytes, size));
  fcntl(fd, F_SETFL, 0);
  if (n < 0) {
    value(what, n);
    return;
  }
  char line[900];
  int length = 0;
  for (int i = 0; i < n && length < 800; i++)
    length +=
        sprintf(line + length, bytes[i] >= 32 && bytes[i] < 127 ? "%c" : "\\%02x", (unsigned char)bytes[i]);
  line[length] = 0;
  say("%s: %ld [%s]", what, n, line);
}

static void shown(const char *what) {
  take(what, master, sizeof bytes);
}

static void line(const char *what) {
  take(what, slave, 1000);
}

static void type(const char *keys) {
  long n = result(write(master, keys, strlen(keys)));
  if (n < 0) value("type", n);
  usleep(20000);
}

static void set(struct termios t) {
  tcsetattr(slave, TCSANOW, &t);
}

static struct termios with_local(tcflag_t on, tcflag_t off) {
  struct termios t = settings;
  t.c_lflag = (t.c_lflag | on) & ~off;
  return t;
}

static struct termios with_input(tcflag_t on, tcflag_t off) {
  struct termios t = settings;
  t.c_iflag = (t.c_iflag | on) & ~off;
  return t;
}

static struct termios with_output(tcflag_t on, tcflag_t off) {
  struct termios t = settings;
  t.c_oflag = (t.c_oflag | on) & ~off;
  return t;
}

static struct termios raw(int min, int time) {
  struct termios t = settings;
  cfmakeraw(&t);
  t.c_cc[VMIN] = min;
  t.c_cc[VTIME] = time;
  return t;
}

static int events(int fd) {
  usleep(20000);
  struct pollfd f = {fd, POLLIN | POLLOUT | POLLPRI | POLLRDNORM, 0};
  poll(&f, 1, 0);
  return f.revents;
}

static void open_pair(void) {
  openpty(&master, &slave, 0, 0, 0);
  tcgetattr(slave, &settings);
}

// Lines wait for their reader: none is lost, and who types too many waits.
static void unread_lines(void) {
  open_pair();
  set(with_local(0, ECHO));
  fcntl(master, F_SETFL, O_NONBLOCK);
  long written = 0, n;
  while (written < 200000 && (n = write(master, "0123456789abcde\n", 16)) > 0)
    written += n;
  say("took all: %d, more than a buffer: %d", written >= 200000, written > 4096);
  fcntl(slave, F_SETFL, O_NONBLOCK);
  long got = 0;
  for (int quiet = 0; quiet < 5;) {
    n = read(slave, bytes, 1000);
    if (n > 0)
      got += n;
    else
      quiet++;
    if (n <= 0) usleep(20000);
  }
  say("whole lines: %d", got == written / 16 * 16);
  close(master);
  close(slave);
  open_pair();
  set(with_local(0, ECHO));
  memset(bytes, 'x', 5000);
  bytes[4999] = '\n';
  for (n = 0; n < 5000; usleep(10000))
    n += write(master, bytes + n, 5000 - n);
  usleep(20000);
  int available;
  ioctl(slave, FIONREAD, &available);
  say("of a long line: %d", available);
  value("read", result(read(slave, bytes, sizeof bytes)));
  close(master);
  close(slave);
}

static void editing(void) {
  set(with_input(IUTF8, 0));
  tcgetattr(slave, &settings);
  type("a\xc3\xa4\x7f"
       "b\xe2\x82\xac\xc3\xa4\x7f\x7f\x7f"
       "c\n");
  line("erased"), shown("erased");
  type("foo bar  baz_1 \x17\x17x\n");
  line("word"), shown("word");
  type("foo.bar/baz\x17\n");
  line("word"), shown("word");
  type("abc\x15z\n");
  line("killed"), shown("killed");
  type("a\x16\x03\x16\x7f\x16\nb\n");
  line("literal"), line("literal"), shown("literal");
  type("a\tb\t\x7f\x7f\x7f\x7f\n");
  line("tabs"), shown("tabs");
  type("ab\x01\x02\x7f\x7f\n");
  line("controls"), shown("controls");
  type("abc\x12z\n");
  line("reprinted"), shown("reprinted");
}

static void ends(void) {
  type("abc\x04");
  line("end"), line("once"), shown("end");
  type("\x04");
  line("end of file"), line("once"), shown("end of file");
  type("abc\x04");
  take("just as many", slave, 3), line("then"), shown("end");
  type("abc\x04\x04");
  take("two of them", slave, 2), line("then"), line("then"), line("then"), shown("ends");
  type("abc\n\x04yy\n");
  take("the line", slave, 4), line("then"), line("then"), shown("line and end");
  struct termios t = settings;
  t.c_cc[VEOL] = ';';
  set(t);
  type("ab;cd;\n");
  line("first"), line("second"), line("third"), shown("ends of lines");
  set(settings);
  type("abcdef\n");
  take("part", slave, 3), take("part", slave, 3), take("part", slave, 3), shown("parts");
}

static void echoes(void) {
  set(with_local(0, ECHOE)), type("ab\x7f\x7f\x7f c\n"), line("no ECHOE"), shown("no ECHOE");
  set(with_local(0, ECHOK | ECHOKE)), type("ab\x15 c\n"), line("no ECHOK"), shown("no ECHOK");
  set(with_local(0, ECHOCTL)), type("a\x01\x7f\n"), line("no ECHOCTL"), shown("no ECHOCTL");
  set(with_local(ECHONL, ECHO)), type("a\n"), line("ECHONL"), shown("ECHONL");
  set(with_input(INLCR | IGNCR, 0)), type("a\n\rb\x04"), line("INLCR"), shown("INLCR");
  set(with_input(ISTRIP, 0)), type("\xe1\n"), line("ISTRIP"), shown("ISTRIP");
  set(with_input(PARMRK, 0)), type("\xff\n"), line("PARMRK"), shown("PARMRK");
  set(with_output(XTABS, 0)), value("write", write(slave, "a\tb\n\tc\r\n", 8)), shown("XTABS");
  set(with_output(OCRNL | ONOCR, 0)), value("write", write(slave, "\ra\rb\r\n", 6)), shown("OCRNL");
  set(with_output(0, OPOST)), value("write", write(slave, "a\n", 2)), shown("no OPOST");
  set(settings);
}

static void modes(void) {
  type("abc");
  line("an unfinished line");
  set(raw(1, 0));
  line("raw");
  set(raw(3, 0));
  type("ab");
  say("two of three: %x", events(slave));
  line("they come to who does not wait");
  type("abcd");
  say("four of three: %x", events(slave));
  line("four");
  set(raw(0, 2));
  value("nothing in time", result(read(slave, bytes, 10)));
  type("x");
  value("something in time", result(read(slave, bytes, 10)));
  set(raw(5, 2));
  type("xy");
  value("no more in time", result(read(slave, bytes, 10)));
  set(raw(0, 0));
  value("at once", result(read(slave, bytes, 10)));
  set(settings);
  shown("of all that");
}

static void packets(void) {
  int on = 1;
  ioctl(master, TIOCPKT, &on);
  value("write", write(slave, "hi", 2)), shown("data");
  tcflush(slave, TCIFLUSH), shown("input flushed");
  tcflush(slave, TCIOFLUSH), shown("both flushed");
  type("\x13");
  say("stopped: %x", events(master));
  shown("stopped");
  type("\x11"), shown("goes on");
  set(with_input(0, IXON)), shown("no flow control");
  set(settings), shown("flow control");
  set(with_local(EXTPROC, 0)), shown("EXTPROC");
  set(settings), shown("no EXTPROC");
  on = 0;
  ioctl(master, TIOCPKT, &on);
  tcflow(slave, TCIOFF), shown("TCIOFF");
  tcflow(slave, TCION), shown("TCION");
  value("TIOCSIG", result(ioctl(master, TIOCSIG, SIGUSR1)));
  value("TIOCSIG", result(ioctl(master, TIOCSIG, SIGINT)));
}

static void hangups(void) {
  char *name = ptsname(master);
  value("write", write(slave, "bye", 3));
  close(slave);
  shown("what was written"), shown("the slave is gone");
  say("master: %x", events(master));
  value("write", result(write(master, "x", 1)));
  slave = open(name, O_RDWR | O_NOCTTY);
  poll(&(struct pollfd){.fd = master, .events = POLLIN}, 1, 1000); // for the echo
  say("master: %x", events(master));
  shown("the slave is back");
  close(master);
  value("read", result(read(slave, bytes, 10)));
  value("write", result(write(slave, "x", 1)));
  say("slave: %x", events(slave));
  value("settings", result(tcgetattr(slave, &settings)));
  value("open", result(open(name, O_RDWR)));
}

int main(void) {
  unread_lines();
  open_pair();
  editing();
  ends();
  echoes();
  modes();
  packets();
  hangups();
  return 0;
}
