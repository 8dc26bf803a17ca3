// F7: nobody keeps a way into the chunk of another process. A child is forked: it sees nothing of its
// parent's slots. A child in shared memory execs: whoever stayed forges requests in the slot that it had.
//@ args: fork
//@ args: exec
//@ args: threads
//@ ends: 0
#include "hostile.h"
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <sys/wait.h>
#include <time.h>

#define MARK 0x5ec4e7ul

// A place in slot 7 of chunk k that nobody uses.
static volatile unsigned long *place(int chunk) {
  return (volatile unsigned long *)(RF_CHUNKS + chunk * RF_CHUNK_SIZE + 7ul * RF_SLOT_SIZE + RF_WINDOW + 64);
}

static sigjmp_buf back;

static void on_fault(int signo) {
  (void)signo;
  siglongjmp(back, 1);
}

static void *wait_for_ever(void *none) {
  for (;;)
    pause();
  return none;
}

static void forked(void) {
  pthread_t thread;
  for (int i = 0; i < 2 * RF_CHUNK_SLOTS; i++)
    pthread_create(&thread, NULL, wait_for_ever, NULL);
  // Where all slots have threads the place lies in a window, which their waiting does not touch.
  *place(0) = *place(1) = MARK;
  int pid = fork(), status;
  if (pid == 0) {
    if (*place(0) == MARK) bad("the parent's first chunk is the child's", 0);
    *place(0) = ~MARK;
    signal(SIGSEGV, on_fault);
    for (int chunk = 1; chunk < RF_CHUNKS_PER_SPACE; chunk++)
      if (sigsetjmp(back, 1) == 0) bad("the child can read chunk", chunk + 0 * *place(chunk));
    _exit(0);
  }
  waitpid(pid, &status, 0);
  if (status != 0) bad("wait status", status);
  if (*place(0) != MARK || *place(1) != MARK) bad("the child has written into the parent's chunk", 0);
}

// Whether a chunk can be mapped by the descriptor by which stubs are given theirs.
static int maps_chunk(void) {
  unsigned long at = RF_CHUNKS + (RF_CHUNKS_PER_SPACE - 1) * RF_CHUNK_SIZE;
  return HOST_6(SYS_mmap, at, RF_CHUNK_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, RF_CHUNK_FD,
                0) == (long)at;
}

static void *ends_soon(void *none) {
  usleep(2000);
  return none;
}

static void *make_threads(void *argument) {
  int *go = argument;
  pthread_t threads[6 * RF_CHUNK_SLOTS];
  while (__atomic_load_n(go, __ATOMIC_RELAXED)) {
    int made = 0;
    while (made < 6 * RF_CHUNK_SLOTS && pthread_create(&threads[made], NULL, ends_soon, NULL) == 0)
      made++;
    while (made > 0)
      pthread_join(threads[--made], NULL);
  }
  return NULL;
}

// Forks while chunks come for threads: neither has one that is open.
static void threads_and_forks(void) {
  find_gadget();
  pthread_t maker;
  int go = 1;
  pthread_create(&maker, NULL, make_threads, &go);
  for (int i = 0; i < 200; i++) {
    int status, pid = fork();
    if (pid == 0) _exit(maps_chunk() ? 7 : 0);
    waitpid(pid, &status, 0);
    if (status != 0) bad("a child maps its parent's chunk", status);
  }
  __atomic_store_n(&go, 0, __ATOMIC_RELAXED);
  pthread_join(maker, NULL);
  if (maps_chunk()) bad("a chunk's descriptor was left", 0);
}

static char *self;

static int exec_victim(void *none) {
  (void)none;
  execl("/proc/self/exe", self, "victim", NULL);
  return 1;
}

static int victim(void) {
  int parent = getppid();
  struct timespec begin, now;
  clock_gettime(CLOCK_MONOTONIC, &begin);
  now = begin;
  // However fast calls are: long enough to be seen by its arguments.
  for (int i = 0;
       i < 3000 || (now.tv_sec - begin.tv_sec) * 1000 + (now.tv_nsec - begin.tv_nsec) / 1000000 < 100; i++) {
    if (getppid() != parent) bad("getppid", i);
    clock_gettime(CLOCK_MONOTONIC, &now);
  }
  return 7;
}

static void execed(void) {
  for (int round = 0; round < 5; round++) {
    int status, pid = clone(exec_victim, pages(16) + 16 * PAGE, CLONE_VM | SIGCHLD, NULL);
    // The child had slot 1. Until it has execed its own requests stand there, and may be harmed.
    volatile uint32_t *slot = (volatile uint32_t *)(SLOT + RF_SLOT_SIZE);
    char path[64], line[512] = "";
    snprintf(path, sizeof path, "/proc/%d/cmdline", pid);
    while (!strstr(line, "victim")) {
      FILE *file = fopen(path, "r");
      size_t n = file ? fread(line, 1, sizeof line - 1, file) : 0;
      for (size_t i = 0; i + 1 < n; i++)
        if (!line[i]) line[i] = ' ';
      if (file) fclose(file);
      if (waitpid(pid, &status, WNOHANG) == pid) {
        bad("the victim has ended", status);
        return;
      }
    }
    while (waitpid(pid, &status, WNOHANG) != pid) {
      *(volatile uint64_t *)((unsigned long)slot + RF_RDI) = 66;
      for (uint32_t kind = 1; kind < 9; kind++) {
        volatile uint64_t *record = quad_at(RF_REQUESTS + RF_REQUEST_SIZE);
        *record =
            (uint64_t)SYS_exit_group << 32 | (uint32_t)(((*record >> 4) + RF_SEQUENCE_STEP) << 4) | kind;
        uint64_t one = 1;
        HOST_3(SYS_write, RF_DOORBELL_FD, &one, 8);
      }
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 7) bad("the victim's status", status);
  }
}

int main(int argc, char **argv) {
  const char *mode = argc > 1 ? argv[1] : "fork";
  self = argv[0];
  if (strcmp(mode, "victim") == 0) return victim();
  if (strcmp(mode, "fork") == 0) forked();
  if (strcmp(mode, "exec") == 0) execed();
  if (strcmp(mode, "threads") == 0) threads_and_forks();
  say("done");
  return 0;
}
