// Calls that a signal interrupts: EINTR, restarted, or restarted with what is left.
//@ needs: signals timers pipes
#include "guest.h"
#include <sys/time.h>

static int fds[2];
static volatile int count, feed;

static void handler(int signo) {
  (void)signo;
  count++;
  if (feed && count >= feed) {
    char c = 'x';
    if (write(fds[1], &c, 1) != 1) _exit(97);
  }
}

static void every(long first_ms, long then_ms) {
  struct itimerval t = {{0, then_ms * 1000}, {0, first_ms * 1000}};
  setitimer(ITIMER_REAL, &t, NULL);
}

static void set(int flags) {
  struct sigaction a = {.sa_handler = handler, .sa_flags = flags};
  sigaction(SIGALRM, &a, NULL);
  count = 0;
}

int main(void) {
  if (pipe(fds)) return 1;
  char c;
  set(0);
  every(20, 0);
  value("read", read(fds[0], &c, 1) < 0 ? -errno : 0);
  value("signals", count);
  set(SA_RESTART);
  feed = 3;
  every(20, 20);
  value("read that is restarted until the third signal writes", read(fds[0], &c, 1));
  every(0, 0);
  value("signals", count);
  feed = 0;
  struct timespec t = {10, 0}, rem = {0, 0};
  set(SA_RESTART);
  every(20, 0);
  value("nanosleep is not restarted after a handler", SYS_2(SYS_nanosleep, &t, &rem));
  yes_no("remaining", rem.tv_sec == 9 && rem.tv_nsec > 0);
  set(0);
  every(20, 0);
  value("pause", SYS_0(SYS_pause));
  sigset_t none, alarm_only, old;
  sigemptyset(&none);
  sigemptyset(&alarm_only);
  sigaddset(&alarm_only, SIGALRM);
  sigprocmask(SIG_BLOCK, &alarm_only, &old);
  set(0);
  every(10, 0);
  struct timespec wait = {0, 40000000};
  value("nanosleep with the signal blocked", SYS_2(SYS_nanosleep, &wait, 0));
  value("signals before sigsuspend", count);
  value("sigsuspend", SYS_2(SYS_rt_sigsuspend, &none, 8));
  value("signals", count);
  sigset_t now;
  sigprocmask(SIG_BLOCK, NULL, &now);
  value("the mask is back", sigismember(&now, SIGALRM));
  sigprocmask(SIG_SETMASK, &old, NULL);
  signal(SIGALRM, SIG_IGN);
  every(10, 0);
  value("an ignored signal interrupts nothing", SYS_2(SYS_nanosleep, &wait, 0));
  return 0;
}
