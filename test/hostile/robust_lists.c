// Lists of robust futexes as nobody makes them, of processes that are killed: rings, in each of very many threads; words that change all
// the time; a stub that walks none. All of them end before long, and nobody else waits.
//@ args: rings
//@ args: restless
//@ args: deaf
//@ args: executes
//@ ends: 0
//@ deadline: 30
//@ cflags: -pthread
#include "hostile.h"
#include <linux/futex.h>
#include <pthread.h>
#include <sys/wait.h>

enum { THREADS = 400, WORDS = 512 };

static struct shared {
  int ready;
  struct {
    struct robust_list entry;
    int word;
  } locks[WORDS];
} * shared;

static __thread struct robust_list_head head;
static int own_words;

static void *has_a_ring(void *argument) {
  for (int i = 0; i < WORDS; i++)
    shared->locks[i].entry.next = &shared->locks[(i + 1) % WORDS].entry;
  head.futex_offset = sizeof(struct robust_list);
  head.list.next = &shared->locks[(long)argument % WORDS].entry;
  if (own_words)
    for (int i = 0; i < WORDS; i++)
      shared->locks[i].word = (int)SYS_0(SYS_gettid);
  SYS_2(SYS_set_robust_list, &head, sizeof head);
  __atomic_add_fetch(&shared->ready, 1, __ATOMIC_SEQ_CST);
  for (;;)
    pause();
  return argument;
}

static void rings(void) {
  pthread_attr_t small;
  pthread_attr_init(&small);
  pthread_attr_setstacksize(&small, 16384);
  for (long i = 0; i < THREADS; i++) {
    pthread_t thread;
    pthread_create(&thread, &small, has_a_ring, (void *)i);
  }
  has_a_ring(NULL);
}

static int number;

// Another process changes the word, so that no exchange finds what was there.
static void changes(void) {
  for (unsigned i = 0;; i++)
    shared->locks[0].word = (int)((unsigned)number | (i & 1 ? FUTEX_WAITERS : 0));
}

static void restless(void) {
  number = (int)SYS_0(SYS_gettid);
  own_words = 1;
  has_a_ring(NULL);
}

// It takes no host signal any more: a call of its own would be its end.
static void deaf(void) {
  unsigned long all = ~0ul;
  find_gadget();
  head.futex_offset = sizeof(struct robust_list);
  head.list.next = &shared->locks[0].entry;
  shared->locks[0].entry.next = &head.list;
  shared->locks[0].word = (int)SYS_0(SYS_gettid);
  SYS_2(SYS_set_robust_list, &head, sizeof head);
  HOST_4(SYS_rt_sigprocmask, SIG_SETMASK, &all, 0, 8);
  __atomic_add_fetch(&shared->ready, 1, __ATOMIC_SEQ_CST);
  for (;;)
    ;
}

static void *executes_soon(void *argument) {
  usleep(20000);
  execl("/proc/self/exe", "again", "again", (char *)NULL);
  return argument;
}

static void executes(void) {
  pthread_t thread;
  pthread_create(&thread, NULL, executes_soon, NULL);
  rings();
}

static void ended(int pid) {
  double before = seconds();
  if (kill(pid, SIGKILL)) bad("kill", -errno);
  waitpid(pid, NULL, 0);
  if (seconds() - before > 10) bad("seconds until it has ended", (long)(seconds() - before));
}

int main(int argc, char **argv) {
  const char *mode = argc > 1 ? argv[1] : "";
  if (strcmp(mode, "again") == 0) return 0;
  shared = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  int pid = fork();
  if (pid == 0) {
    if (strcmp(mode, "rings") == 0) rings();
    if (strcmp(mode, "restless") == 0) restless();
    if (strcmp(mode, "deaf") == 0) deaf();
    if (strcmp(mode, "executes") == 0) executes();
    _exit(0);
  }
  if (strcmp(mode, "executes") == 0) {
    waitpid(pid, NULL, 0);
    return 0;
  }
  int wanted = strcmp(mode, "rings") == 0 ? THREADS / 2 : 1;
  while (__atomic_load_n(&shared->ready, __ATOMIC_SEQ_CST) < wanted)
    usleep(1000);
  int other = -1;
  if (strcmp(mode, "restless") == 0) {
    number = pid;
    other = fork();
    if (other == 0) changes();
    usleep(10000);
  }
  ended(pid);
  if (other > 0) ended(other);
  return 0;
}
