// timerfd: one shot, intervals, what is left, readiness, errors.
//@ needs: events
#include "guest.h"
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/timerfd.h>

#define MS 1000000l

static int fd;

static void set(const char *what, int flags, long value_ns, long interval_ns) {
  struct itimerspec t = {{interval_ns / 1000000000, interval_ns % 1000000000},
                         {value_ns / 1000000000, value_ns % 1000000000}};
  value(what, SYS_4(SYS_timerfd_settime, fd, flags, &t, 0));
}

static void take(const char *what) {
  uint64_t n = 0x5555;
  long r = SYS_3(SYS_read, fd, &n, 8);
  if (failed(r))
    say("%s: %s", what, error_name(r));
  else
    say("%s: %ld, %ld", what, r, n);
}

static void left(void) {
  struct itimerspec t;
  value("gettime", SYS_2(SYS_timerfd_gettime, fd, &t));
  long v = t.it_value.tv_sec * 1000 + t.it_value.tv_nsec / MS;
  long i = t.it_interval.tv_sec * 1000 + t.it_interval.tv_nsec / MS;
  say("  left %s, interval %ld ms",
      v == 0 && t.it_value.tv_nsec == 0 ? "nothing"
      : v < 1000                        ? "some"
                                        : "much",
      i);
}

static int ready(int ms) {
  struct pollfd f = {fd, POLLIN, 0};
  poll(&f, 1, ms);
  return f.revents;
}

static void pause_ms(int ms) {
  struct timespec t = {ms / 1000, ms % 1000 * MS};
  nanosleep(&t, 0);
}

int main(void) {
  fd = SYS_2(SYS_timerfd_create, CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  say("flags %o %d", fcntl(fd, F_GETFL), fcntl(fd, F_GETFD));
  struct stat s;
  fstat(fd, &s);
  say("mode %o", s.st_mode);
  left();
  take("disarmed");
  set("20 ms", 0, 20 * MS, 0);
  left();
  take("too early");
  say("ready %x", ready(0));
  say("ready %x", ready(-1));
  left();
  take("after");
  take("again");
  set("5 ms, every 10 ms", 0, 5 * MS, 10 * MS);
  pause_ms(100);
  uint64_t n = 0;
  read(fd, &n, 8);
  yes_no("about ten", n >= 9 && n <= 20);
  left();
  say("ready %x", ready(200));
  take("one more");
  set("disarm", 0, 0, 10 * MS);
  pause_ms(20);
  left();
  take("disarmed");
  set("long", 0, 100000 * MS, 3000 * MS);
  left();
  struct itimerspec old, t = {{0, 0}, {0, 1}};
  value("settime, old", SYS_4(SYS_timerfd_settime, fd, 0, &t, &old));
  say("old: %ld s, %ld s", (long)old.it_value.tv_sec, (long)old.it_interval.tv_sec);
  say("ready %x", ready(-1));
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  set("absolute, past", TFD_TIMER_ABSTIME, 1, 0);
  say("ready %x", ready(-1));
  take("past");
  long at = now.tv_sec * 1000000000 + now.tv_nsec;
  set("absolute, past, every 10 ms", TFD_TIMER_ABSTIME, at - 95 * MS, 10 * MS);
  ready(-1);
  n = 0;
  read(fd, &n, 8);
  yes_no("about ten", n >= 9 && n <= 20);
  set("absolute", TFD_TIMER_ABSTIME, at + 100 * MS, 0);
  say("ready %x", ready(-1));
  clock_gettime(CLOCK_MONOTONIC, &now);
  yes_no("not before", now.tv_sec * 1000000000 + now.tv_nsec >= at + 100 * MS);

  value("read 4", SYS_3(SYS_read, fd, &n, 4));
  value("write", SYS_3(SYS_write, fd, &n, 8));
  value("read to nowhere", SYS_3(SYS_read, fd, 8, 8));
  take("after that");
  t.it_value.tv_nsec = 1000000000;
  value("bad value", SYS_4(SYS_timerfd_settime, fd, 0, &t, 0));
  t = (struct itimerspec){{-1, 0}, {0, 1}};
  value("bad interval", SYS_4(SYS_timerfd_settime, fd, 0, &t, 0));
  value("bad flags", SYS_4(SYS_timerfd_settime, fd, 8, &old, 0));
  value("null", SYS_4(SYS_timerfd_settime, fd, 0, 0, 0));
  value("bad old", SYS_4(SYS_timerfd_settime, fd, 0, &old, 8));
  value("gettime, bad address", SYS_2(SYS_timerfd_gettime, fd, 8));
  value("not a timer", SYS_2(SYS_timerfd_gettime, 1, &t));
  value("not a descriptor", SYS_2(SYS_timerfd_gettime, 77, &t));
  int clocks[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 99, -1};
  for (unsigned i = 0; i < sizeof clocks / sizeof *clocks; i++) {
    char what[30];
    sprintf(what, "clock %d", clocks[i]);
    outcome(what, SYS_2(SYS_timerfd_create, clocks[i], 0));
  }
  value("create, bad flags", SYS_2(SYS_timerfd_create, 1, 1));

  fd = timerfd_create(CLOCK_REALTIME, 0);
  set("20 ms", 0, 20 * MS, 0);
  take("waiting");
  fd = timerfd_create(CLOCK_BOOTTIME, 0);
  set("20 ms", 0, 20 * MS, 0);
  take("waiting");
  return 0;
}
