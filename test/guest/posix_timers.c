// timer_create and its relatives: notifications, overruns, what is left, errors, deletion.
//@ needs: timers tasks
#include "guest.h"
#include <poll.h>
#include <sys/wait.h>

#define MS 1000000l

static volatile int count, last_code, last_value, last_overrun;
static void handler(int signo, siginfo_t *info, void *context) {
  (void)signo, (void)context;
  last_code = info->si_code;
  last_value = info->si_value.sival_int;
  if (info->si_overrun > last_overrun) last_overrun = info->si_overrun;
  count++;
}

static int id;

static void set(const char *what, int flags, long ns, long interval_ns) {
  struct itimerspec t = {{interval_ns / 1000000000, interval_ns % 1000000000},
                         {ns / 1000000000, ns % 1000000000}};
  value(what, SYS_4(SYS_timer_settime, id, flags, &t, 0));
}

static void left(void) {
  struct itimerspec t;
  value("gettime", SYS_2(SYS_timer_gettime, id, &t));
  say("  left %s, interval %ld ms",
      t.it_value.tv_sec    ? "seconds"
      : t.it_value.tv_nsec ? "some"
                           : "nothing",
      (long)(t.it_interval.tv_sec * 1000 + t.it_interval.tv_nsec / MS));
}

int main(void) {
  struct sigaction a = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
  sigaction(SIGALRM, &a, 0), sigaction(SIGUSR1, &a, 0), sigaction(SIGRTMIN + 1, &a, 0);
  value("create", SYS_3(SYS_timer_create, CLOCK_MONOTONIC, 0, &id));
  say("id %d", id);
  left();
  set("10 ms", 0, 10 * MS, 0);
  left();
  pause();
  say("count %d code %d value %d overrun %d", count, last_code, last_value, last_overrun);
  left();
  value("overrun", SYS_1(SYS_timer_getoverrun, id));

  struct sigevent e = {
      .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 1, .sigev_value.sival_int = 77};
  value("create", SYS_3(SYS_timer_create, CLOCK_REALTIME, &e, &id));
  say("id %d", id);
  count = 0;
  set("every 5 ms", 0, 5 * MS, 5 * MS);
  while (count < 4)
    pause();
  say("code %d value %d", last_code, last_value);
  set("off", 0, 0, 5 * MS);
  left();

  // Overruns while the signal is blocked.
  sigset_t set_, old;
  sigemptyset(&set_);
  sigaddset(&set_, SIGRTMIN + 1);
  sigprocmask(SIG_BLOCK, &set_, &old);
  count = 0;
  set("blocked, every 2 ms", 0, 2 * MS, 2 * MS);
  usleep(60000);
  left();
  sigprocmask(SIG_SETMASK, &old, 0);
  yes_no("many overruns", last_overrun >= 20 && last_overrun < 1000);
  set("off", 0, 0, 0);
  // What was queued before a change does not count.
  sigprocmask(SIG_BLOCK, &set_, &old);
  count = 0;
  set("blocked", 0, 1 * MS, 0);
  usleep(10000);
  set("set again", 0, 100000 * MS, 0);
  sigprocmask(SIG_SETMASK, &old, 0);
  say("count %d", count);
  value("delete", SYS_1(SYS_timer_delete, id));
  value("delete again", SYS_1(SYS_timer_delete, id));

  // To this thread; with no notification at all; absolute.
  e = (struct sigevent){.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1};
  e._sigev_un._tid = syscall(SYS_gettid);
  value("create, thread", SYS_3(SYS_timer_create, CLOCK_BOOTTIME, &e, &id));
  count = 0;
  set("10 ms", 0, 10 * MS, 0);
  pause();
  say("count %d", count);
  e._sigev_un._tid = 1 << 29;
  value("no such thread", SYS_3(SYS_timer_create, CLOCK_BOOTTIME, &e, &id));
  e = (struct sigevent){.sigev_notify = SIGEV_NONE};
  value("create, no notification", SYS_3(SYS_timer_create, CLOCK_MONOTONIC, &e, &id));
  set("5 ms", 0, 5 * MS, 0);
  left();
  usleep(10000);
  left();
  set("every 1000 s", 0, 5 * MS, 1000000 * MS);
  usleep(10000);
  left();
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  value("create", SYS_3(SYS_timer_create, CLOCK_REALTIME, 0, &id));
  count = 0;
  set("absolute, past", TIMER_ABSTIME, 1, 0);
  poll(0, 0, 20);
  say("count %d", count);
  set("absolute", TIMER_ABSTIME, (now.tv_sec * 1000000000 + now.tv_nsec) + 100 * MS, 0);
  left();
  pause();
  say("count %d", count);

  // CPU time.
  for (int clock = CLOCK_PROCESS_CPUTIME_ID; clock <= CLOCK_THREAD_CPUTIME_ID; clock++) {
    value("create, CPU time", SYS_3(SYS_timer_create, clock, 0, &id));
    count = 0;
    set("20 ms", 0, 20 * MS, 0);
    usleep(40000);
    say("asleep %d", count);
    while (count == 0)
      continue;
    say("awake %d", count);
  }

  int clocks[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 99, -1};
  for (unsigned i = 0; i < sizeof clocks / sizeof *clocks; i++) {
    char what[30];
    int other;
    sprintf(what, "clock %d", clocks[i]);
    outcome(what, SYS_3(SYS_timer_create, clocks[i], 0, &other));
  }
  e = (struct sigevent){.sigev_notify = SIGEV_SIGNAL, .sigev_signo = 65};
  value("bad signal", SYS_3(SYS_timer_create, 0, &e, &id));
  e = (struct sigevent){.sigev_notify = 9, .sigev_signo = 1};
  value("bad notification", SYS_3(SYS_timer_create, 0, &e, &id));
  value("bad event", SYS_3(SYS_timer_create, 0, 8, &id));
  value("bad id address", SYS_3(SYS_timer_create, 0, 0, 8));
  struct itimerspec bad = {{0, 0}, {0, 1000000000}}, good = {{0, 0}, {1, 0}};
  value("bad time", SYS_4(SYS_timer_settime, 0, 0, &bad, 0));
  value("bad id", SYS_4(SYS_timer_settime, 9999, 0, &good, 0));
  value("null", SYS_4(SYS_timer_settime, 0, 0, 0, 0));
  value("bad old", SYS_4(SYS_timer_settime, 0, 0, &good, 8));
  value("gettime, bad id", SYS_2(SYS_timer_gettime, 9999, &good));
  value("gettime, bad address", SYS_2(SYS_timer_gettime, 0, 8));
  value("getoverrun, bad id", SYS_1(SYS_timer_getoverrun, 9999));
  if (fork() == 0) {
    value("child has none", SYS_2(SYS_timer_gettime, 0, &good));
    _exit(0);
  }
  wait(0);
  return 0;
}
