// Calls that change memory go back to their caller before the kernel has written down what they did: threads
// that change the same pages and neighbouring ones, signals and forks in between, and memory that is used at
// once.
//@ needs: memory shared-memory threads signals fork timers
//@ cflags: -pthread
#include "guest.h"
#include <pthread.h>
#include <sched.h>
#include <sys/time.h>
#include <sys/wait.h>

#define ROUNDS 1500

static char *shared;
static volatile int ticks, stop;
static int wrong;

static void tick(int signo) {
  (void)signo;
  ticks++;
}

static void wrong_at(int line) {
  if (__atomic_add_fetch(&wrong, 1, __ATOMIC_RELAXED) == 1) say("wrong in line %d", line);
}
#define bad(condition) ((condition) ? wrong_at(__LINE__) : (void)0)

static void *maps(void *argument) {
  long seed = (long)argument;
  for (int i = 0; i < ROUNDS; i++) {
    size_t length = (size_t)(1 + (i + seed) % 7) * PAGE;
    char *at = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    bad(at == MAP_FAILED || at[0] != 0 || at[length - 1] != 0);
    if (at == MAP_FAILED) return NULL;
    at[0] = at[length - 1] = 1;
    bad(mprotect(at, PAGE, PROT_READ) != 0);
    bad(at[0] != 1);
    // What is read-only refuses what a call writes, at once.
    bad(SYS_2(SYS_clock_gettime, 12345, at) != -EINVAL);
    bad(SYS_2(SYS_getrlimit, 7, at) != -EFAULT);
    bad(mprotect(at, PAGE, PROT_READ | PROT_WRITE) != 0);
    bad(SYS_2(SYS_getrlimit, 7, at) != 0);
    bad(munmap(at, length) != 0);
    // Where no other thread may have mapped something there.
    bad(seed == 99 && SYS_2(SYS_getrlimit, 7, at) != -EFAULT);
  }
  return NULL;
}

// The same page, by several threads.
static void *protects(void *argument) {
  long seed = (long)argument;
  for (int i = 0; i < ROUNDS; i++) {
    bad(mprotect(shared + (i + seed) % 4 * PAGE, 4 * PAGE, i % 2 ? PROT_READ : PROT_READ | PROT_WRITE) != 0);
    bad(shared[0] != 5);
  }
  return NULL;
}

static void *signals(void *argument) {
  pthread_t thread = (pthread_t)argument;
  while (!stop) {
    pthread_kill(thread, SIGUSR1);
    usleep(200);
  }
  return NULL;
}

static void forks(void) {
  int failures = 0;
  for (int i = 0; i < 30; i++) {
    char *at = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    at[0] = 7;
    mprotect(at, PAGE, PROT_READ);
    pid_t child = fork();
    if (child == 0)
      _exit(at[0] == 7 && SYS_2(SYS_getrlimit, 7, at) == -EFAULT && munmap(at, PAGE) == 0 ? 0 : 1);
    munmap(at, PAGE);
    int status = 1;
    waitpid(child, &status, 0);
    failures += status != 0;
  }
  value("children that went wrong", failures);
}

// What one thread has mapped, another uses as soon as it is told by memory.
static char *volatile told;

static void *uses(void *unused) {
  (void)unused;
  for (int i = 0; i < 2000; i++) {
    char *at;
    while (!(at = told))
      sched_yield();
    bad(SYS_3(SYS_futex, at, 1 /* FUTEX_WAKE, shared */, 1) != 0);
    bad(SYS_3(SYS_mprotect, at, PAGE, PROT_READ) != 0);
    told = NULL;
  }
  return NULL;
}

static void *tells(void *unused) {
  (void)unused;
  for (int i = 0; i < 2000; i++) {
    char *at = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    told = at;
    while (told)
      sched_yield();
    bad(SYS_2(SYS_getrlimit, 7, at) != -EFAULT);
    munmap(at, PAGE);
  }
  return NULL;
}

// A thread ends, and a process, with what it has just changed.
static void *leaves(void *argument) {
  munmap(argument, PAGE);
  return NULL;
}

int main(void) {
  struct sigaction action = {.sa_handler = tick, .sa_flags = SA_RESTART};
  sigaction(SIGALRM, &action, NULL);
  sigaction(SIGUSR1, &action, NULL);
  shared = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  shared[0] = 5;
  struct itimerval every = {{0, 1000}, {0, 1000}};
  setitimer(ITIMER_REAL, &every, NULL);
  pthread_t threads[4], signaller;
  pthread_create(&threads[0], NULL, maps, (void *)1);
  pthread_create(&threads[1], NULL, maps, (void *)4);
  pthread_create(&threads[2], NULL, protects, (void *)0);
  pthread_create(&threads[3], NULL, protects, (void *)2);
  pthread_create(&signaller, NULL, signals, (void *)threads[0]);
  for (int i = 1; i < 4; i++)
    pthread_join(threads[i], NULL);
  stop = 1;
  pthread_join(signaller, NULL);
  pthread_join(threads[0], NULL);
  value("wrong", wrong);
  maps((void *)99);
  value("wrong, alone", wrong);
  yes_no("signals came", ticks > 0);
  forks();
  pthread_create(&threads[0], NULL, tells, NULL);
  pthread_create(&threads[1], NULL, uses, NULL);
  for (int i = 0; i < 2; i++)
    pthread_join(threads[i], NULL);
  value("wrong, told by memory", wrong);
  every.it_value.tv_usec = 0;
  setitimer(ITIMER_REAL, &every, NULL);
  for (int i = 0; i < 100; i++) {
    void *at = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    pthread_create(&threads[0], NULL, leaves, at);
    pthread_join(threads[0], NULL);
    bad(mmap(at, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != at);
  }
  value("still mapped", wrong);
  char *top = sbrk(0);
  int failures = 0;
  for (int i = 0; i < 200; i++) {
    if (sbrk(3 * PAGE) != top) failures++;
    top[0] = top[3 * PAGE - 1] = 1;
    if (sbrk(-3 * PAGE) != top + 3 * PAGE) failures++;
  }
  value("breaks that went wrong", failures);
  if (fork() == 0) {
    munmap(shared, PAGE);
    _exit(3);
  }
  int status;
  wait(&status);
  value("exit behind a change", WEXITSTATUS(status));
  return 0;
}
