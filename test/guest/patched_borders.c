// Call sites behind short instructions, of which a jump covers two: whoever comes between the two, by a
// jump, a signal's return or as another thread while they are patched, goes on there.
//@ needs: signals timers threads
//@ cflags: -pthread
#define _GNU_SOURCE
#include "sites.h"
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/time.h>
#include <ucontext.h>

BORDER_SITE(plain);
BORDER_SITE(stormed);
BORDER_SITE(stepped);
BORDER_SITE(shared);

#define CALLS 3000

static int ends[2];

// Enters a site between its two moves, with the registers as the first ones would have left them.
static long enter(const char *at, long nr, long a, long b, long c) {
  long result;
  __asm__ volatile("call *%[at]"
                   : "=a"(result)
                   : [at] "r"(at), "a"(nr), "D"(a), "S"(b), "c"(c)
                   : "rdx", "r11", "memory");
  return result;
}

static void entered_between(void) {
  long wrong = 0;
  char byte = 'x', got;
  for (int i = 0; i < CALLS; i++) {
    byte = (char)i;
    if (plain(SYS_write, ends[1], (long)&byte, 1) != 1) wrong++;
    if (plain(SYS_read, ends[0], (long)&got, 1) != 1 || got != byte) wrong++;
    if (i % 8 != 0) continue;
    if (enter(plain_border, SYS_write, ends[1], (long)&byte, 1) != 1) wrong++;
    if (enter(plain_border, SYS_read, ends[0], (long)&got, 1) != 1 || got != byte) wrong++;
    if (enter(plain_border, SYS_close, -1, 0, 0) != -EBADF) wrong++;
  }
  printf("entered between: %ld wrong\n", wrong);
}

static volatile long signals, strange;
static uintptr_t low, high;
static void on_signal(int signo, siginfo_t *info, void *context) {
  (void)signo, (void)info;
  signals++;
  uintptr_t rip = (uintptr_t)((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
  // What runs in this program's own time runs in its text, or in the C library.
  if (rip < low || rip >= high) strange++;
}

static void under_signals(void) {
  extern const char __executable_start[], etext[];
  low = (uintptr_t)__executable_start, high = (uintptr_t)etext;
  struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART};
  sigaction(SIGALRM, &action, NULL);
  struct itimerval often = {{0, 200}, {0, 200}};
  setitimer(ITIMER_REAL, &often, NULL);
  long wrong = 0;
  for (long i = 0; i < CALLS || signals < 50; i++) {
    // Nothing but numbers: whether it is interrupted in between or not, it is answered.
    if (stormed(SYS_close, -1, 0, 0) != -EBADF) wrong++;
    if (stormed(SYS_lseek, -1, i, 0) != -EBADF) wrong++;
  }
  struct itimerval never = {{0, 0}, {0, 0}};
  setitimer(ITIMER_REAL, &never, NULL);
  printf("under signals: %ld wrong, %ld strange\n", wrong, strange);
}

// Steps through calls, and returns from each step to where it came: to the border as well.
static volatile long steps, borders;
static void on_step(int signo, siginfo_t *info, void *context) {
  (void)signo, (void)info;
  steps++;
  if ((uintptr_t)((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP] == (uintptr_t)stepped_border) borders++;
}

static void under_steps(void) {
  struct sigaction action = {.sa_sigaction = on_step, .sa_flags = SA_SIGINFO};
  sigaction(SIGTRAP, &action, NULL);
  long wrong = 0;
  for (int i = 0; i < CALLS; i++)
    if (stepped(SYS_close, -1, 0, 0) != -EBADF) wrong++;
  for (int i = 0; i < 20; i++) {
    __asm__ volatile("pushf\norl $0x100, (%%rsp)\npopf" ::: "memory", "cc");
    if (stepped(SYS_close, -1, 0, 0) != -EBADF) wrong++;
    __asm__ volatile("pushf\nandl $~0x100, (%%rsp)\npopf" ::: "memory", "cc");
  }
  printf("under steps: %ld wrong, at the border %ld times\n", wrong, borders);
}

static volatile int over;
static void *beside(void *unused) {
  long wrong = 0;
  (void)unused;
  for (long i = 0; !over; i++) {
    if (shared(SYS_lseek, -1, i, 0) != -EBADF) wrong++;
    if (enter(shared_border, SYS_close, -1, 0, 0) != -EBADF) wrong++;
  }
  return (void *)wrong;
}

static void among_threads(void) {
  pthread_t threads[3];
  for (int i = 0; i < 3; i++)
    pthread_create(&threads[i], NULL, beside, NULL);
  long wrong = 0, of_others = 0;
  uintptr_t page = (uintptr_t)shared & ~4095ul;
  for (int round = 0; round < 20; round++) {
    for (int i = 0; i < 300; i++)
      if (shared(SYS_close, -1, 0, 0) != -EBADF) wrong++;
    // Writable text is as it was linked: it is undone here.
    if (round % 4 == 3 && mprotect((void *)page, 8192, PROT_READ | PROT_WRITE | PROT_EXEC)) wrong++;
    if (round % 4 == 3 && mprotect((void *)page, 8192, PROT_READ | PROT_EXEC)) wrong++;
  }
  over = 1;
  for (int i = 0; i < 3; i++) {
    void *result;
    pthread_join(threads[i], &result);
    of_others += (long)result;
  }
  printf("among threads: %ld wrong, %ld of the others\n", wrong, of_others);
}

int main(void) {
  if (pipe(ends)) return 1;
  entered_between();
  under_signals();
  under_steps();
  among_threads();
  return 0;
}
