// Random system calls with random arguments, from a seed; now and then through the stub's own
// instruction. The number of calls is the second argument. A child makes them; where one of them ends it, or keeps it
// waiting, the next child goes on with the call after that.
//@ args: 1 20000
//@ args: 2 20000
//@ args: 3 20000
//@ args: 4 20000
//@ args: 5 20000
//@ args: 6 20000
//@ ends: any
//@ deadline: 20
#include "hostile.h"
#include <sys/wait.h>

#define PATIENCE_US 50000

// How far it is, in memory of the parent and the child: the calls that are begun, and the random numbers after their own.
static volatile struct {
  long begun;
  uint64_t state;
} * progress;

static uint64_t argument(char *area) {
  switch (next_random() % 5) {
  case 0:
    return next_random() % 8;
  case 1:
    return (uint64_t)area + next_random() % (32 * PAGE);
  case 2:
    return ((uint64_t)area + next_random() % (32 * PAGE)) & -PAGE;
  case 3:
    return next_random() % (8 * PAGE);
  default:
    return nasty();
  }
}

// Calls that end or stop the program as they should; they would end the test too soon.
static int pointless(long nr) {
  static const long numbers[] = {SYS_exit,
                                 SYS_exit_group,
                                 SYS_pause,
                                 SYS_rt_sigsuspend,
                                 SYS_rt_sigreturn,
                                 SYS_vfork,
                                 SYS_execve,
                                 SYS_execveat,
                                 SYS_kill,
                                 SYS_tkill,
                                 SYS_tgkill,
                                 SYS_rt_sigqueueinfo,
                                 SYS_rt_tgsigqueueinfo,
                                 SYS_alarm,
                                 SYS_setitimer,
                                 SYS_timer_create,
                                 SYS_nanosleep,
                                 SYS_clock_nanosleep,
                                 SYS_futex,
                                 SYS_wait4,
                                 SYS_waitid,
                                 SYS_rt_sigtimedwait,
                                 SYS_seccomp,
                                 SYS_prctl,
                                 SYS_setrlimit,
                                 SYS_prlimit64,
                                 SYS_arch_prctl,
                                 SYS_fork,
                                 SYS_clone,
                                 SYS_clone3};
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
    if (numbers[i] == nr) return 1;
  return 0;
}

static void make_calls(long count) {
  char *area = pages(32);
  int notifying = 0;
  random_state = progress->state;
  while (progress->begun < count) {
    long nr = next_random() % 8 ? (long)(next_random() % 470) : (long)nasty();
    uint64_t a[6];
    for (int k = 0; k < 6; k++)
      a[k] = argument(area);
    // Its own text, data and stack stay: only memory calls within the area.
    if (nr == SYS_mmap || nr == SYS_munmap || nr == SYS_mprotect || nr == SYS_madvise || nr == SYS_mremap) {
      a[0] = (uint64_t)area + next_random() % 32 * PAGE;
      a[1] %= 8 * PAGE;
      if (nr == SYS_mmap) a[3] |= MAP_FIXED;
      if (nr == SYS_mremap) a[2] %= 8 * PAGE, a[4] = (uint64_t)area + next_random() % 32 * PAGE;
    }
    int direct = next_random() % 8 == 0;
    progress->state = random_state;
    progress->begun++;
    if (pointless(nr & 0xffffffff)) continue;
    if (nr == SYS_brk || nr == SYS_close || nr == SYS_close_range || nr == SYS_dup2) continue;
    if (direct && (nr == SYS_mmap || nr == SYS_madvise) && ++notifying > 12) direct = 0;
    if (direct && (nr == SYS_sigaltstack || nr == SYS_rt_sigprocmask)) direct = 0;
    if (direct)
      host6(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
    else
      sys6(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
  }
}

int main(int argc, char **argv) {
  long count = argc > 2 ? atol(argv[2]) : 20000;
  leave_no_objects();
  find_gadget();
  progress = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (progress == MAP_FAILED) return 1;
  progress->state = argc > 1 ? strtoull(argv[1], 0, 0) : 1;
  int children = 0;
  for (; progress->begun < count; children++) {
    pid_t child = fork();
    if (child < 0) return 1;
    if (child == 0) make_calls(count), _exit(0);
    for (long before = -1; waitpid(child, NULL, WNOHANG) == 0; before = progress->begun, usleep(PATIENCE_US))
      if (progress->begun == before) kill(child, SIGKILL);
  }
  say("%ld calls by %d children", progress->begun, children);
  return 0;
}
