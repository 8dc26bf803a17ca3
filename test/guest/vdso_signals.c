// Signals and faults that find the vDSO's code: the handler sees an address of the vDSO, unwinds through
// it, and comes back.
//@ needs: signals timers clocks
#include "guest.h"
#include <execinfo.h>
#include <sys/auxv.h>
#include <sys/time.h>
#include <ucontext.h>

#define WANTED 100
#define VDSO_MOST 0x10000
#define SECONDS_MOST 20

extern char __executable_start, etext;
static unsigned long vdso;
static volatile int in_program, in_vdso, elsewhere, unwound;
static volatile unsigned long caller, caller_end;

static void look(ucontext_t *context) {
  unsigned long rip = context->uc_mcontext.gregs[REG_RIP];
  if (rip >= (unsigned long)&__executable_start && rip < (unsigned long)&etext) {
    in_program++;
  } else if (rip >= vdso && rip < vdso + VDSO_MOST) {
    in_vdso++;
    void *frames[32];
    int n = backtrace(frames, 32);
    for (int i = 0; i < n; i++)
      if ((unsigned long)frames[i] >= caller && (unsigned long)frames[i] < caller_end) {
        unwound++;
        break;
      }
  } else {
    elsewhere++;
  }
}

static void on_alarm(int signo, siginfo_t *info, void *context) {
  (void)signo;
  (void)info;
  look(context);
}

static char *page;

static void on_fault(int signo, siginfo_t *info, void *context) {
  (void)signo;
  (void)info;
  look(context);
  SYS_3(SYS_mprotect, page, PAGE, PROT_READ | PROT_WRITE);
}

__attribute__((noinline)) static void spin(void) {
  struct timespec now, before = {0}, start;
  struct timeval day;
  int backwards = 0, failures = 0;
  clock_gettime(CLOCK_MONOTONIC, &start);
  do {
    for (int i = 0; i < 100; i++) {
      failures +=
          clock_gettime(CLOCK_MONOTONIC, &now) != 0 || gettimeofday(&day, NULL) != 0 || time(NULL) <= 0;
      backwards +=
          now.tv_sec < before.tv_sec || (now.tv_sec == before.tv_sec && now.tv_nsec < before.tv_nsec);
      before = now;
    }
  } while (in_vdso < WANTED && now.tv_sec - start.tv_sec < SECONDS_MOST);
  say("failures %d, backwards %d", failures, backwards);
}
__attribute__((noinline)) static void behind_spin(void) {
  __asm__ volatile("");
}

int main(void) {
  vdso = getauxval(AT_SYSINFO_EHDR);
  void *frames[4];
  backtrace(frames, 4); // loads what it needs
  caller = (unsigned long)spin;
  caller_end = (unsigned long)behind_spin > caller ? (unsigned long)behind_spin : caller + 4096;
  struct sigaction action = {.sa_sigaction = on_alarm, .sa_flags = SA_SIGINFO | SA_RESTART};
  sigaction(SIGALRM, &action, NULL);
  struct itimerval often = {{0, 100}, {0, 100}}, never = {0};
  setitimer(ITIMER_REAL, &often, NULL);
  spin();
  setitimer(ITIMER_REAL, &never, NULL);
  yes_no("signals found the vDSO", in_vdso >= WANTED);
  yes_no("each was unwound to the caller", unwound == in_vdso);
  value("signals elsewhere", elsewhere);

  action.sa_sigaction = on_fault;
  sigaction(SIGSEGV, &action, NULL);
  page = pages(1);
  struct timespec *time = (struct timespec *)page;
  in_program = in_vdso = 0;
  SYS_3(SYS_mprotect, page, PAGE, PROT_NONE);
  value("into a page that appears", clock_gettime(CLOCK_REALTIME, time));
  yes_no("it is a time", time->tv_sec > 1000000000);
  say("faults in the program %d, in the vDSO %d, elsewhere %d", in_program, in_vdso, elsewhere);
  SYS_3(SYS_mprotect, page, PAGE, PROT_NONE);
  value("time of day", gettimeofday((struct timeval *)page, NULL));
  say("faults in the program %d, in the vDSO %d, elsewhere %d", in_program, in_vdso, elsewhere);
  outcome("a clock that there is not", clock_gettime(99, time) < 0 ? -errno : 0);
  outcome("the CPU's clock", clock_gettime(CLOCK_PROCESS_CPUTIME_ID, time) < 0 ? -errno : 0);
  outcome("resolution", clock_getres(CLOCK_MONOTONIC, NULL) < 0 ? -errno : 0);
  return 0;
}
