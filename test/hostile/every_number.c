// F5: every system call number through the stub's instruction, except those on the filter's list:
// each is refused with EPERM, whatever its arguments.
//@ args: zero
//@ args: plausible
//@ args: x32
//@ ends: 0
#include "hostile.h"

// On the list (native/stub/filter.def), or raising a notification. uretprobe and uprobe (335, 336) are
// for the kernel's own trampolines: newer kernels let them pass every filter, and answer anybody
// else with SIGILL and ENXIO.
static int listed(long nr) {
  if (nr == 335 || nr == 336) return 1;
  static const long numbers[] = {SYS_futex,      SYS_rt_sigreturn, SYS_write,         SYS_mmap,
                                 SYS_munmap,     SYS_mprotect,     SYS_mremap,        SYS_madvise,
                                 SYS_close,      SYS_clone,        SYS_sigaltstack,   SYS_rt_sigprocmask,
                                 SYS_membarrier, SYS_sched_yield,  SYS_clock_gettime, SYS_restart_syscall,
                                 SYS_exit,       SYS_exit_group};
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
    if (numbers[i] == nr) return 1;
  return 0;
}

int main(int argc, char **argv) {
  const char *mode = argc > 1 ? argv[1] : "zero";
  static char buffer[8192];
  int calls = 0;
  for (long nr = 0; nr <= 600; nr++) {
    if (mode[0] != 'x' && listed(nr)) continue;
    long r;
    if (mode[0] == 'z')
      r = HOST_0(nr);
    else if (mode[0] == 'x')
      r = HOST_0(nr | 0x40000000);
    else
      r = HOST_6(nr, 1, buffer, 64, buffer + 4096, 0, 0);
    calls++;
    if (r == -EPERM) continue;
    char what[32];
    snprintf(what, sizeof what, "call %ld", nr);
    bad(what, r);
  }
  say("%d calls", calls);
  return 0;
}
