// What a new task inherits of the floating-point state: rounding, and which exceptions trap.
//@ cflags: -pthread -lm
//@ needs: threads futex fork
#include "guest.h"
#include <fenv.h>
#include <pthread.h>
#include <sys/wait.h>
#include <xmmintrin.h>

static void show(const char *what) {
  unsigned short control;
  __asm__ volatile("fnstcw %0" : "=m"(control));
  say("%s: rounding %x mxcsr %x control %x", what, fegetround(), _mm_getcsr() & 0xffc0, control);
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
  for (int i = 0; i < 20; i++) both("in a thread");
  fesetround(FE_UPWARD);
  show("upward");
  for (int i = 0; i < 20; i++) both("in a thread");
  fesetround(FE_TOWARDZERO);
  both("in another");
  return 0;
}
