// Thousands of threads that wait on shared futexes and are moved between them again and again, locks with owners
// among them: nobody else waits for that (F26), and no queue is left.
//@ args: requeue
//@ args: owners
//@ args: killed
//@ ends: 0 137
//@ deadline: 20
//@ cflags: -pthread
#include "hostile.h"
#include <linux/futex.h>
#include <pthread.h>
#include <sys/wait.h>

enum { CROWD = 3000, WORDS = 64, MOVES = 400 };
static int *words;
static int asleep;

static void *waits(void *number) {
  __atomic_add_fetch(&asleep, 1, __ATOMIC_RELAXED);
  SYS_4(SYS_futex, &words[(long)number % WORDS], FUTEX_WAIT, 0, 0);
  return NULL;
}

static void *locks(void *number) {
  int *word = &words[(long)number % WORDS];
  __atomic_add_fetch(&asleep, 1, __ATOMIC_RELAXED);
  if (SYS_4(SYS_futex, word, FUTEX_LOCK_PI, 0, 0) == 0) SYS_2(SYS_futex, word, FUTEX_UNLOCK_PI);
  return NULL;
}

int main(int argc, char **argv) {
  const char *mode = argc > 1 ? argv[1] : "requeue";
  int owners = strcmp(mode, "owners") == 0;
  words = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  pthread_attr_t small;
  pthread_attr_init(&small);
  pthread_attr_setstacksize(&small, 16384);
  static pthread_t threads[CROWD];
  int count = 0;
  for (int i = 0; owners && i < WORDS; i++)
    SYS_4(SYS_futex, &words[i], FUTEX_LOCK_PI, 0, 0);
  for (long i = 0; i < CROWD; i++)
    count += pthread_create(&threads[count], &small, owners ? locks : waits, (void *)i) == 0;
  if (count < CROWD / 2) bad("threads", count);
  while (__atomic_load_n(&asleep, __ATOMIC_RELAXED) < count)
    usleep(1000);
  usleep(100000);
  if (owners) {
    for (int i = 0; i < WORDS; i++)
      SYS_2(SYS_futex, &words[i], FUTEX_UNLOCK_PI);
  } else {
    long moved = 0;
    for (int i = 0; i < MOVES; i++)
      moved += SYS_5(SYS_futex, &words[i % WORDS], FUTEX_REQUEUE, 0, INT32_MAX, &words[(i + 1) % WORDS]);
    if (moved < 100l * count) bad("moved", moved);
    if (strcmp(mode, "killed") == 0) kill(getpid(), SIGKILL);
    for (int i = 0; i < WORDS; i++)
      SYS_3(SYS_futex, &words[i], FUTEX_WAKE, INT32_MAX);
  }
  for (int i = 0; i < count; i++)
    pthread_join(threads[i], NULL);
  return 0;
}
