// What names a futex: a private one is not the shared one of the same word; a shared one must be in memory that can be
// read, and in memory of its own only where that can be written to.
//@ needs: futex threads memory shared-memory fork
//@ cflags: -pthread
#include "guest.h"
#include <linux/futex.h>
#include <pthread.h>
#include <sys/wait.h>

static const struct timespec brief = {0, 1000000};

static void calls(const char *name, int *word, int *other) {
  for (int private = 0; private <= FUTEX_PRIVATE_FLAG; private += FUTEX_PRIVATE_FLAG) {
    say("%s, %s", name, private ? "private" : "shared");
    value("  wake", SYS_3(SYS_futex, word, FUTEX_WAKE | private, 1));
    value("  wake of a kind", SYS_6(SYS_futex, word, FUTEX_WAKE_BITSET | private, 1, 0, 0, 1));
    value("  wait for what is not there", SYS_4(SYS_futex, word, FUTEX_WAIT | private, 1, &brief));
    value("  wait", SYS_4(SYS_futex, word, FUTEX_WAIT | private, 0, &brief));
    value("  requeue", SYS_6(SYS_futex, word, FUTEX_CMP_REQUEUE | private, 1, 1, other, 0));
    value("  requeue to it", SYS_6(SYS_futex, other, FUTEX_CMP_REQUEUE | private, 1, 1, word, 0));
  }
}

static int *words;

static void *wait_in_thread(void *flags) {
  value("waited", SYS_4(SYS_futex, words, FUTEX_WAIT | (long)flags, 0, 0));
  return NULL;
}

// A thread waits by `waiter`'s kind, and is woken by the other kind, then by its own.
static void kinds(const char *name, long waiter) {
  say("%s", name);
  pthread_t thread;
  pthread_create(&thread, NULL, wait_in_thread, (void *)waiter);
  long woken = 0;
  long other = waiter ^ FUTEX_PRIVATE_FLAG;
  // It has gone to sleep when its own kind finds it: it is moved to itself, which wakes nobody.
  usleep(50000);
  value("the other kind", SYS_3(SYS_futex, words, FUTEX_WAKE | other, 1));
  for (int i = 0; i < 2000 && woken == 0; i++) {
    woken = SYS_3(SYS_futex, words, FUTEX_WAKE | waiter, 1);
    if (woken == 0) usleep(1000);
  }
  pthread_join(thread, NULL);
  value("its own kind", woken);
}

int main(void) {
  int anonymous = MAP_PRIVATE | MAP_ANONYMOUS, shared = MAP_SHARED | MAP_ANONYMOUS;
  words = (int *)map_at(NULL, PAGE, PROT_READ | PROT_WRITE, anonymous);
  calls("writable", words + 2, words + 1);
  calls("no access", (int *)map_at(NULL, PAGE, PROT_NONE, anonymous), words + 1);
  calls("read-only", (int *)map_at(NULL, PAGE, PROT_READ, anonymous), words + 1);
  calls("shared, no access", (int *)map_at(NULL, PAGE, PROT_NONE, shared), words + 1);
  calls("shared, read-only", (int *)map_at(NULL, PAGE, PROT_READ, shared), words + 1);
  calls("nowhere", (int *)PAGE, words + 1);
  kinds("waits as shared", 0);
  kinds("waits as private", FUTEX_PRIVATE_FLAG);
}
