// Robust futexes in memory that processes share: whatever ends their owner, or has it execute another program, the next one is
// told (get_robust_list(2)). And lists that are not what they should be.
//@ cflags: -pthread
//@ needs: threads futex fork exec signals shared-memory proc
#include "pid_namespace.h"
#include <linux/futex.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>

enum { LOCKS = 8, THREADS = 4, ROUNDS = 30 };

static struct shared {
  pthread_mutex_t locks[LOCKS];
  int ready, word, second;
  struct robust_list first_entry, second_entry;
} * shared;

static void make_locks(int protocol) {
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  pthread_mutexattr_setprotocol(&attributes, protocol);
  memset(shared, 0, sizeof *shared);
  for (int i = 0; i < LOCKS; i++)
    pthread_mutex_init(&shared->locks[i], &attributes);
}

static void is_ready(void) {
  __atomic_add_fetch(&shared->ready, 1, __ATOMIC_SEQ_CST);
}

static void until_ready(int count) {
  while (__atomic_load_n(&shared->ready, __ATOMIC_SEQ_CST) < count)
    milliseconds(1);
}

static void hold(void) {
  pthread_mutex_lock(&shared->locks[0]);
  pthread_mutex_lock(&shared->locks[1]);
  is_ready();
}

static void next_owner(void) {
  for (int i = 0; i < 2; i++)
    value(" the next one", -pthread_mutex_trylock(&shared->locks[i]));
}

// ---- Ends ----

static void sleeps(void) {
  hold();
  for (;;)
    pause();
}

static void computes(void) {
  hold();
  for (volatile int i = 0;; i++)
    ;
}

static void *holds(void *argument) {
  (void)argument;
  sleeps();
  return NULL;
}

static void *just_computes(void *argument) {
  for (volatile int i = 0;; i++)
    ;
  return argument;
}

static void thread_holds(void) {
  pthread_t thread;
  pthread_create(&thread, NULL, holds, NULL);
  pthread_create(&thread, NULL, just_computes, NULL);
  until_ready(1);
}

static void thread_sleeps(void) {
  thread_holds();
  for (;;)
    pause();
}

static void faults(void) {
  hold();
  *(volatile int *)8 = 1;
}

static void aborts(void) {
  hold();
  abort();
}

static void exits(void) {
  hold();
  SYS_1(SYS_exit, 5);
}

static void exits_group(void) {
  thread_holds();
  SYS_1(SYS_exit_group, 6);
}

static void executes(void) {
  hold();
  execl("/proc/self/exe", "again", "again", (char *)NULL);
}

static void executes_with_threads(void) {
  thread_holds();
  execl("/proc/self/exe", "again", "again", (char *)NULL);
}

static void *executes_elsewhere(void *argument) {
  (void)argument;
  until_ready(1);
  execl("/proc/self/exe", "again", "again", (char *)NULL);
  return NULL;
}

static void thread_executes(void) {
  pthread_t thread;
  pthread_create(&thread, NULL, executes_elsewhere, NULL);
  hold();
  for (;;)
    pause();
}

static void threads_execute(void) {
  pthread_t threads[THREADS];
  for (int i = 0; i < THREADS; i++)
    pthread_create(&threads[i], NULL, executes_elsewhere, NULL);
  hold();
  executes_elsewhere(NULL);
}

static void fails_to_execute(void) {
  hold();
  execl("/nowhere", "nowhere", (char *)NULL);
  value(" its own still", -pthread_mutex_trylock(&shared->locks[1]));
  value(" let go", -pthread_mutex_unlock(&shared->locks[1]));
  _exit(7);
}

static void ends(const char *what, void (*act)(void), int signo) {
  make_locks(PTHREAD_PRIO_NONE);
  int pid = fork();
  if (pid == 0) act();
  if (signo) {
    until_ready(1);
    kill(pid, signo);
  }
  reaped(what, pid);
  next_owner();
}

// One waits for it meanwhile.
static void is_waited_for(const char *what, int protocol) {
  make_locks(protocol);
  int go[2];
  if (pipe(go)) _exit(9);
  int owner = fork();
  if (owner == 0) sleeps();
  until_ready(1);
  int waiter = fork();
  if (waiter == 0) {
    is_ready();
    int result = pthread_mutex_lock(&shared->locks[0]);
    wait_for(go);
    value(" it waited", -result);
    value(" consistent", -pthread_mutex_consistent(&shared->locks[0]));
    value(" unlocked", -pthread_mutex_unlock(&shared->locks[0]));
    _exit(0);
  }
  until_ready(2);
  milliseconds(20);
  kill(owner, SIGKILL);
  reaped(what, owner);
  let(go);
  reaped("who waited", waiter);
}

static void *takes_turns(void *argument) {
  for (unsigned i = (unsigned)(long)argument;; i = i * 5 + 3) {
    pthread_mutex_t *lock = &shared->locks[i % LOCKS];
    if (pthread_mutex_lock(lock) == EOWNERDEAD) pthread_mutex_consistent(lock);
    __atomic_store_n(&shared->ready, 1, __ATOMIC_SEQ_CST);
    pthread_mutex_unlock(lock);
  }
  return NULL;
}

// Killed wherever it is: no lock is left to nobody.
static void any_moment(void) {
  int stuck = 0;
  for (int round = 0; round < ROUNDS; round++) {
    make_locks(PTHREAD_PRIO_NONE);
    int pid = fork();
    if (pid == 0) {
      pthread_t thread;
      for (long i = 1; i < THREADS; i++)
        pthread_create(&thread, NULL, takes_turns, (void *)i);
      takes_turns(NULL);
    }
    until_ready(1);
    milliseconds(round % 3);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    for (int i = 0; i < LOCKS; i++)
      stuck += pthread_mutex_trylock(&shared->locks[i]) == EBUSY;
  }
  value("left to nobody", stuck);
}

static int stuck_locks(void) {
  int stuck = 0;
  for (int i = 0; i < 2; i++)
    stuck += pthread_mutex_trylock(&shared->locks[i]) == EBUSY;
  return stuck;
}

// It stands for a tracer, which has it write to its memory when it is killed.
static void while_traced(void) {
  int stuck = 0;
  for (int round = 0; round < ROUNDS; round++) {
    make_locks(PTHREAD_PRIO_NONE);
    int pid = fork();
    if (pid == 0) {
      prctl(PR_SET_DUMPABLE, 1);
      ptrace(PTRACE_TRACEME, 0, 0, 0);
      hold();
      raise(SIGSTOP);
      _exit(9);
    }
    waitpid(pid, NULL, 0);
    int killer = fork();
    if (killer == 0) {
      milliseconds(1 + round % 3);
      kill(pid, SIGKILL);
      _exit(0);
    }
    void *text = (void *)((long)while_traced & -8);
    while (ptrace(PTRACE_POKETEXT, pid, text, *(long *)text) == 0)
      ;
    waitpid(pid, NULL, 0);
    waitpid(killer, NULL, 0);
    stuck += stuck_locks();
  }
  value("left to nobody by one that is traced", stuck);
}

// Killed before, while and after it leaves a core.
static void while_dumped(void) {
  int stuck = 0;
  char directory[] = "/tmp/robust_ends_XXXXXX";
  if (!mkdtemp(directory) || chdir(directory)) _exit(9);
  for (int round = 0; round < ROUNDS; round++) {
    make_locks(PTHREAD_PRIO_NONE);
    int pid = fork();
    if (pid == 0) {
      struct rlimit all = {1 << 26, 1 << 26};
      setrlimit(RLIMIT_CORE, &all);
      prctl(PR_SET_DUMPABLE, 1);
      memset(malloc(1 << 23), 1, 1 << 23);
      faults();
    }
    until_ready(1);
    milliseconds(round % 10);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    stuck += stuck_locks();
    char name[40];
    snprintf(name, sizeof name, "core.%d", pid);
    unlink(name);
    unlink("core");
  }
  value("left to nobody by one that is dumped", stuck);
  rmdir(directory);
}

// ---- Lists as no library makes them ----

static struct robust_list_head head;

static void listed(const char *what, void (*list)(void)) {
  make_locks(PTHREAD_PRIO_NONE);
  int pid = fork();
  if (pid == 0) {
    shared->word = shared->second = (int)SYS_0(SYS_gettid);
    head.futex_offset = (char *)&shared->word - (char *)&shared->first_entry;
    list();
    SYS_2(SYS_set_robust_list, &head, sizeof head);
    is_ready();
    for (;;)
      pause();
  }
  until_ready(1);
  kill(pid, SIGKILL);
  reaped(what, pid);
  yes_no(" died first", shared->word == FUTEX_OWNER_DIED);
  yes_no(" died second", shared->second == FUTEX_OWNER_DIED);
}

static struct robust_list *second_entry(void) {
  return (struct robust_list *)((char *)&shared->second - head.futex_offset);
}

static void in_order(void) {
  head.list.next = &shared->first_entry;
  shared->first_entry.next = &head.list;
  head.list_op_pending = second_entry();
}

static void in_a_ring(void) {
  head.list.next = &shared->first_entry;
  shared->first_entry.next = &shared->first_entry;
  head.list_op_pending = second_entry();
}

static void into_nowhere(void) {
  head.list.next = &shared->first_entry;
  shared->first_entry.next = (struct robust_list *)64;
  head.list_op_pending = second_entry();
}

// The entry cannot be read, and its lock can.
static void unreadable_entry(void) {
  head.list.next = (struct robust_list *)64;
  head.futex_offset = (long)&shared->word - 64;
  head.list_op_pending = (struct robust_list *)(64 + ((char *)&shared->second - (char *)&shared->word));
}

static void unaligned(void) {
  head.list.next = &shared->first_entry;
  shared->first_entry.next = &head.list;
  head.futex_offset++;
}

static void nowhere(void) {
  SYS_2(SYS_set_robust_list, 64, sizeof head);
  is_ready();
  for (;;)
    pause();
}

static void of_others(void) {
  in_order();
  shared->word = 1;
}

// It had let a lock go, and not woken anybody yet.
static void let_go(void) {
  make_locks(PTHREAD_PRIO_NONE);
  int go[2];
  if (pipe(go)) _exit(9);
  int waiter = fork();
  if (waiter == 0) {
    is_ready();
    struct timespec time = {5, 0};
    long result = SYS_4(SYS_futex, &shared->word, FUTEX_WAIT, 0, &time);
    wait_for(go);
    outcome(" woken", result);
    _exit(0);
  }
  until_ready(1);
  milliseconds(20);
  int pid = fork();
  if (pid == 0) {
    head.futex_offset = 0;
    head.list.next = &head.list;
    head.list_op_pending = (struct robust_list *)&shared->word;
    SYS_2(SYS_set_robust_list, &head, sizeof head);
    is_ready();
    for (;;)
      pause();
  }
  until_ready(2);
  kill(pid, SIGKILL);
  reaped("had let go", pid);
  let(go);
  reaped("who waited", waiter);
}

int main(int argc, char **argv) {
  (void)argv;
  if (argc > 1) return 8;
  shared = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  prctl(PR_SET_DUMPABLE, 0);
  ends("SIGKILL, asleep", sleeps, SIGKILL);
  ends("SIGKILL, computing", computes, SIGKILL);
  ends("SIGKILL, another thread's", thread_sleeps, SIGKILL);
  ends("SIGTERM, asleep", sleeps, SIGTERM);
  ends("SIGTERM, computing", computes, SIGTERM);
  ends("SIGTERM, another thread's", thread_sleeps, SIGTERM);
  ends("a fault", faults, 0);
  ends("abort", aborts, 0);
  ends("exit of the last thread", exits, 0);
  ends("exit_group", exits_group, 0);
  ends("execve", executes, 0);
  ends("execve, another thread's", executes_with_threads, 0);
  ends("execve by another thread", thread_executes, 0);
  for (int i = 0; i < 5; i++)
    ends("execve by all threads", threads_execute, 0);
  ends("execve of nothing", fails_to_execute, 0);
  is_waited_for("killed", PTHREAD_PRIO_NONE);
  is_waited_for("killed, with inheritance", PTHREAD_PRIO_INHERIT);
  any_moment();
  while_traced();
  while_dumped();
  listed("in order", in_order);
  listed("in a ring", in_a_ring);
  listed("into nowhere", into_nowhere);
  listed("an entry that cannot be read", unreadable_entry);
  listed("unaligned", unaligned);
  listed("no list", nowhere);
  listed("another's", of_others);
  let_go();
  return 0;
}
