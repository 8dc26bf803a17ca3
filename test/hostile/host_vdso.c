// The host's vDSO called by its address, past the guest's own: no signal frame shows it, whether a signal
// finds it reading a clock or making a system call.
//@ ends: 0
//@ deadline: 20
#include "hostile.h"
#include <sys/auxv.h>
#include <sys/time.h>
#include <ucontext.h>

static volatile int came, shown;

static void handler(int signo, siginfo_t *info, void *context) {
  (void)signo;
  (void)info;
  came++;
  uint64_t rip = ((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
  if (rip >= RF_WINDOW_BASE && rip < RF_WINDOW_END) shown++;
}

int main(void) {
  const uint64_t *image = (const uint64_t *)getauxval(AT_SYSINFO_EHDR);
  int at = 0;
  while (at < 500 && image[at] != 0x6f7364766666696e)
    at++;
  if (at == 500) return 1;
  long (*const host_clock_gettime)(long, struct timespec *) = (void *)image[at + 3];
  if (!host_clock_gettime) return 0;
  struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_RESTART};
  sigaction(SIGALRM, &action, NULL);
  struct itimerval often = {{0, 100}, {0, 100}};
  setitimer(ITIMER_REAL, &often, NULL);
  struct timespec time;
  for (int i = 0; i < 20000 && came < 2000; i++) {
    // One that it reads, and one for which it asks the kernel.
    for (int k = 0; k < 20; k++)
      host_clock_gettime(CLOCK_MONOTONIC, &time);
    host_clock_gettime(CLOCK_BOOTTIME_ALARM, &time);
    if (i % 3 == 0) SYS_0(SYS_getppid);
  }
  if (shown) bad("frames that show the host's code", shown);
  return came > 0 ? 0 : 2;
}
