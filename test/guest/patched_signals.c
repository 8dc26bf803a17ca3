// Signals that come at any moment of system calls whose sites were executed often: handlers see addresses of
// the program alone, can be unwound through to main, may be left by siglongjmp, and no call is lost or made
// twice.
//@ args: frames
//@ args: unwind
//@ args: jump
//@ args: pipe
//@ needs: signals timers pipes
//@ cflags: -fexceptions -fno-omit-frame-pointer
#include "sites.h"
#include <setjmp.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unwind.h>

SITE(getppid_site, 110);
CHAINED_SITE(chained_site, 110);
SITE(getuid_site, 102);
SITE_WITH((long, struct timespec *), clock_gettime_site, 228);
extern const char __executable_start[], etext[];

static volatile long handled, strange, shallow;
static volatile int wants_unwind, wants_jump;
static sigjmp_buf place;

static _Unwind_Reason_Code frame(struct _Unwind_Context *context, void *found) {
  long ip = _Unwind_GetIP(context), start = (long)_Unwind_FindEnclosingFunction((void *)ip);
  extern int main(int, char **);
  if (start == (long)main) *(int *)found = 1;
  return _URC_NO_REASON;
}

static void on_alarm(int signo, siginfo_t *info, void *context) {
  (void)signo, (void)info;
  ucontext_t *uc = context;
  long rip = uc->uc_mcontext.gregs[REG_RIP];
  handled++;
  if (rip < (long)__executable_start || rip >= (long)etext) strange++;
  // Behind the call its result is there, before it its number.
  long number = uc->uc_mcontext.gregs[REG_RAX];
  if ((rip == (long)getppid_site_call || rip == (long)chained_site_call) && number != 110) strange++;
  if (rip == (long)getuid_site_call && number != 102) strange++;
  if (rip == (long)clock_gettime_site_call && number != 228) strange++;
  if (wants_unwind) {
    int found = 0;
    _Unwind_Backtrace(frame, &found);
    if (!found) shallow++;
  }
  if (wants_jump && handled % 3 == 0) siglongjmp(place, 1);
}

static void storm(long interval) {
  struct itimerval timer = {{0, interval}, {0, interval}};
  setitimer(ITIMER_REAL, &timer, NULL);
}

__attribute__((noinline)) static void wait_for(long signals) {
  long parent = getppid(), user = getuid();
  struct timespec now;
  while (handled < signals) {
    if (getppid_site() != parent || chained_site() != parent) strange++;
    for (int i = 0; i < 50; i++)
      if (getuid_site() != user || clock_gettime_site(CLOCK_MONOTONIC, &now)) strange++;
  }
}

int main(int argc, char **argv) {
  const char *mode = argc > 1 ? argv[1] : "frames";
  struct sigaction action = {.sa_sigaction = on_alarm, .sa_flags = SA_SIGINFO | SA_RESTART};
  sigaction(SIGALRM, &action, NULL);
  struct timespec now;
  for (int i = 0; i < 5 * WARM; i++)
    getppid_site(), getuid_site(), clock_gettime_site(CLOCK_MONOTONIC, &now);
  for (int i = 0; i < WARM; i++)
    chained_site();
  wants_unwind = mode[0] == 'u';
  wants_jump = mode[0] == 'j';
  if (mode[0] == 'p') {
    // Bytes that go round are counted: none is read twice, none is lost, though every call may be restarted.
    int ends[2];
    if (pipe(ends)) return 1;
    storm(300);
    unsigned char sent = 0;
    int wrong = 0;
    for (long i = 0; i < 30000 || handled < 100; i++) {
      unsigned char got = 0;
      if (write(ends[1], &sent, 1) != 1) wrong++;
      if (read(ends[0], &got, 1) != 1 || got != sent) wrong++;
      sent++;
    }
    storm(0);
    say("wrong: %d", wrong);
  } else {
    sigsetjmp(place, 1);
    storm(300);
    wait_for(1500);
    storm(0);
  }
  say("%s: strange %ld, not to main %ld", mode, strange, shallow);
  return 0;
}
