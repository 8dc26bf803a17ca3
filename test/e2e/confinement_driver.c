// Tries calls under the sandbox process's final filter, each in a process of its own, and prints what became
// of it: "killed" by SIGSYS, an errno (the filter's, or the host's own), or "done". With arguments, runs that
// program below the first filter, as init runs Node.
#include "confine.c"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

static char page[4096] __attribute__((aligned(4096)));
struct open_how {
  uint64_t flags, mode, resolve;
};
static const struct open_how how;
#define AT ((long)page)

struct attempt {
  const char *name;
  long nr, args[6];
};

// clang-format off
#define TRY(name, nr, ...) {name, nr, {__VA_ARGS__}}
// clang-format on
static const struct attempt attempts[] = {
#include "confinement_attempts.def"
};

static void *idle(void *unused) {
  (void)unused;
  for (;;)
    sleep(1000); // pause is not on the list
}

// A call from another thread than the one that installed the filter.
static void *from_sibling(void *attempt) {
  const struct attempt *a = attempt;
  while (!__atomic_load_n((int *)page, __ATOMIC_SEQ_CST))
    sched_yield();
  syscall(a->nr, a->args[0], a->args[1], a->args[2], a->args[3], a->args[4], a->args[5]);
  _exit(0);
}

// --network: the filter of sandboxes that have the host's network.
static int has_host_network;

// The errno, or 0.
static int attempt(const struct attempt *a) {
  if (rf_install_filter(has_host_network) != 0) _exit(99);
  errno = 0;
  syscall(a->nr, a->args[0], a->args[1], a->args[2], a->args[3], a->args[4], a->args[5]);
  return errno;
}

static int in_child(const struct attempt *a) {
  pid_t child = fork();
  if (child == 0) _exit(attempt(a));
  int status;
  waitpid(child, &status, 0);
  return status;
}

// Node has the first filter from its start on, as init sets it: io_uring_setup answers ENOSYS.
static int run_below_first_filter(char **program) {
  struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 425, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog text = {.len = sizeof code / sizeof code[0], .filter = code};
  if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &text) == 0) execv(program[0], program);
  return 1;
}

int main(int argc, char **argv) {
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  has_host_network = argc > 1 && strcmp(argv[1], "--network") == 0;
  if (argc > 1 && !has_host_network) return run_below_first_filter(argv + 1);
  setvbuf(stdout, NULL, _IONBF, 0);
  for (size_t i = 0; i < sizeof attempts / sizeof attempts[0]; i++) {
    int status = in_child(&attempts[i]);
    if (WIFSIGNALED(status))
      printf("%s: %s\n", attempts[i].name, WTERMSIG(status) == SIGSYS ? "killed" : "died");
    else if (WEXITSTATUS(status))
      printf("%s: %s\n", attempts[i].name, strerrorname_np(WEXITSTATUS(status)));
    else
      printf("%s: done\n", attempts[i].name);
  }
  pid_t child = fork();
  if (child == 0) {
    pthread_t thread;
    pthread_create(&thread, NULL, from_sibling, (void *)&attempts[0]);
    if (rf_install_filter(has_host_network) != 0) _exit(99);
    __atomic_store_n((int *)page, 1, __ATOMIC_SEQ_CST);
    idle(NULL);
  }
  int status;
  waitpid(child, &status, 0);
  printf("sibling: %s\n", WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS ? "killed" : "not killed");
  child = fork();
  if (child == 0) {
    if (rf_install_filter(has_host_network) != 0) _exit(99);
    pthread_t thread;
    _exit(pthread_create(&thread, NULL, idle, NULL));
  }
  waitpid(child, &status, 0);
  printf("new thread: %s\n", WIFEXITED(status) && WEXITSTATUS(status) == 0 ? "made" : "not made");
  child = fork();
  if (child == 0) {
    if (rf_install_filter(has_host_network) != 0) _exit(99);
    abort();
  }
  waitpid(child, &status, 0);
  printf("abort: %s\n", WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT ? "aborted" : "not aborted");
}
