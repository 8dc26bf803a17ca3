// What a new task inherits of the floating-point state: rounding, and which exceptions trap.
//@ cflags: -pthread
//@ needs: threads futex fork
#include "guest.h"
#include <pthread.h>
#include <sys/wait.h>
#include <xmmintrin.h>

static void show(const char *what) {
  unsigned short control;
  __asm__ volatile("fnstcw %0" : "=m"(control));
  say("%s: mxcsr %x control %x", what, _mm_getcsr() & 0xffc0, control);
}

// 0 to nearest, 1 down, 2 up, 3 towards zero
static void set_rounding(unsigned how) {
  unsigned short control;
  __asm__ volatile("fnstcw %0" : "=m"(control));
  control = (control & ~0xc00) | how << 10;
  __asm__ volatile("fldcw %0" : : "m"(control));
  _mm_setcsr((_mm_getcsr() & ~0x6000) | how << 13);
}

static void *thread(void *what) {
  show(what);
  return NULL;
}

static void both(const char *what) {
  pthread_t t;
  pthread_create(&t, NULL, thread, (void *)what);
  pthread_join(t, NULL);
  if (fork() == 0) {
    show("  in a child");
    _exit(0);
  }
  wait(NULL);
}

int main(void) {
  show("at first");
  for (int i = 0; i < 20; i++)
    both("in a thread");
  set_rounding(2);
  show("upward");
  for (int i = 0; i < 20; i++)
    both("in a thread");
  set_rounding(3);
  both("in another");
  return 0;
}
