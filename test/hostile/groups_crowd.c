// Threads that all take as many groups as there can be, at once: each finds room for them while the others still copy
// theirs. Together they do not get more than the kernel's heap has.
//@ args-once: 2200
//@ ends: 0
//@ deadline: 60
//@ cflags: -pthread
#include "hostile.h"
#include <pthread.h>

enum { GROUPS = 65536 };

static gid_t groups[GROUPS];
static int ready, took, refused;
static volatile int go;

static void *takes(void *unused) {
  (void)unused;
  __atomic_add_fetch(&ready, 1, __ATOMIC_SEQ_CST);
  while (!go)
    usleep(50000);
  long result = SYS_2(SYS_setgroups, GROUPS, groups);
  __atomic_add_fetch(result == 0 ? &took : &refused, 1, __ATOMIC_SEQ_CST);
  while (go)
    pause();
  return NULL;
}

int main(int count, char **words) {
  pthread_attr_t attributes;
  pthread_t thread;
  int threads = count > 1 ? atoi(words[1]) : 0, made = 0;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 32768);
  for (int i = 0; i < GROUPS; i++)
    groups[i] = i;
  while (made < threads && pthread_create(&thread, &attributes, takes, NULL) == 0)
    made++;
  while (__atomic_load_n(&ready, __ATOMIC_SEQ_CST) < made)
    usleep(1000);
  go = 1;
  while (__atomic_load_n(&took, __ATOMIC_SEQ_CST) + __atomic_load_n(&refused, __ATOMIC_SEQ_CST) < made)
    usleep(10000);
  // Some find room, and for all there is none: were they fewer, there would be nothing to refuse.
  if (took == 0 || refused == 0) bad("threads that were refused", refused);
  // Each number is eight bytes of 768 MiB.
  if (took > (768 << 20) / (8 * GROUPS)) bad("threads with all groups", took);
  say("survived");
  _exit(0);
}
