// setitimer, getitimer, alarm: values, signals, intervals, what exec and fork do with them.
//@ needs: timers tasks
#include "guest.h"
#include <sys/time.h>
#include <sys/wait.h>

static volatile int count[65];
static void handler(int signo) {
  count[signo]++;
}

static void set(const char *what, int which, long us, long interval_us) {
  struct itimerval t = {{interval_us / 1000000, interval_us % 1000000}, {us / 1000000, us % 1000000}}, old;
  value(what, SYS_3(SYS_setitimer, which, &t, &old));
  say("  old %s, interval %ld us",
      old.it_value.tv_sec > 5 ? "much"
      : old.it_value.tv_sec   ? "seconds"
      : old.it_value.tv_usec  ? "some"
                              : "nothing",
      (long)(old.it_interval.tv_sec * 1000000 + old.it_interval.tv_usec));
}

static void get(int which) {
  struct itimerval t;
  value("get", SYS_2(SYS_getitimer, which, &t));
  say("  left %s, interval %ld us",
      t.it_value.tv_sec > 5 ? "much"
      : t.it_value.tv_sec   ? "seconds"
      : t.it_value.tv_usec  ? "some"
                            : "nothing",
      (long)(t.it_interval.tv_sec * 1000000 + t.it_interval.tv_usec));
}

static void burn(int signo, int times) {
  while (count[signo] < times)
    continue;
}

int main(void) {
  struct sigaction a = {.sa_handler = handler};
  sigaction(SIGALRM, &a, 0), sigaction(SIGVTALRM, &a, 0), sigaction(SIGPROF, &a, 0);
  get(ITIMER_REAL);
  set("10 ms", ITIMER_REAL, 10000, 0);
  pause();
  say("alarms %d", count[SIGALRM]);
  get(ITIMER_REAL);
  set("every 5 ms", ITIMER_REAL, 5000, 5000);
  while (count[SIGALRM] < 4)
    pause();
  set("off", ITIMER_REAL, 0, 0);
  get(ITIMER_REAL);
  set("off, interval", ITIMER_REAL, 0, 7000000);
  get(ITIMER_REAL);
  set("long", ITIMER_REAL, 1000000000, 3000000);
  get(ITIMER_REAL);
  value("alarm", SYS_1(SYS_alarm, 100));
  value("alarm 0", SYS_1(SYS_alarm, 0));
  value("alarm 0", SYS_1(SYS_alarm, 0));
  set("600 ms", ITIMER_REAL, 600000, 0);
  value("alarm 0", SYS_1(SYS_alarm, 0));
  set("100 ms", ITIMER_REAL, 100000, 0);
  value("alarm 0", SYS_1(SYS_alarm, 0));

  // An interval that is not taken does not pile up.
  sigset_t alarm_set, old;
  sigemptyset(&alarm_set);
  sigaddset(&alarm_set, SIGALRM);
  sigprocmask(SIG_BLOCK, &alarm_set, &old);
  count[SIGALRM] = 0;
  set("blocked, every 1 us", ITIMER_REAL, 1, 1);
  usleep(20000);
  struct itimerval off = {{0, 0}, {0, 0}};
  setitimer(ITIMER_REAL, &off, 0);
  sigprocmask(SIG_SETMASK, &old, 0);
  say("alarms %d", count[SIGALRM]);

  set("virtual", ITIMER_VIRTUAL, 20000, 0);
  burn(SIGVTALRM, 1);
  get(ITIMER_VIRTUAL);
  set("prof", ITIMER_PROF, 10000, 10000);
  burn(SIGPROF, 3);
  set("prof off", ITIMER_PROF, 0, 0);
  count[SIGVTALRM] = 0;
  set("virtual, asleep", ITIMER_VIRTUAL, 20000, 0);
  usleep(60000);
  say("virtual alarms %d", count[SIGVTALRM]);
  set("virtual off", ITIMER_VIRTUAL, 0, 0);

  struct itimerval bad = {{0, 0}, {0, 1000000}}, negative = {{-1, 0}, {0, 1}};
  value("bad", SYS_3(SYS_setitimer, ITIMER_REAL, &bad, 0));
  value("negative", SYS_3(SYS_setitimer, ITIMER_REAL, &negative, 0));
  value("bad which", SYS_3(SYS_setitimer, 3, &off, 0));
  value("get, bad which", SYS_2(SYS_getitimer, -1, &off));
  value("get, bad address", SYS_2(SYS_getitimer, ITIMER_REAL, 8));
  value("bad address", SYS_3(SYS_setitimer, ITIMER_REAL, 8, 0));
  value("bad old", SYS_3(SYS_setitimer, ITIMER_REAL, &off, 8));
  value("null", SYS_3(SYS_setitimer, ITIMER_REAL, 0, 0));

  // A child starts without.
  set("long", ITIMER_REAL, 1000000000, 0);
  if (fork() == 0) {
    get(ITIMER_REAL);
    signal(SIGALRM, SIG_DFL);
    set("child", ITIMER_REAL, 10000, 0);
    pause();
    _exit(1);
  }
  int status;
  wait(&status);
  say("killed by %d", WTERMSIG(status));
  get(ITIMER_REAL);
  return 0;
}
