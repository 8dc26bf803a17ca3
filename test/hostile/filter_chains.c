// Filters of system calls in crowds: of programs that execute others and end half way, whose filters all go again, and
// chains as long as they may be, given to many threads at once, in no turn that others would feel.
//@ args: executed
//@ args: killed
//@ args: long
//@ ends: 0
//@ deadline: 60
//@ cflags: -pthread
#include "../guest/seccomp.h"
#include "hostile.h"
#include <pthread.h>
#include <sys/prctl.h>

#define THREADS 400

static long refuse_getppid(unsigned flags) {
  return refuse(flags, SYS_getppid, SECCOMP_RET_ERRNO | EXFULL);
}

static long allow_all(void) {
  struct sock_filter filter[] = {ANSWER(SECCOMP_RET_ALLOW)};
  return install(0, filter, COUNT(filter));
}

static void *refused(void *unused) {
  if (SYS_0(SYS_getppid) != -EXFULL) bad("a thread calls getppid", 0);
  return unused;
}

static void *makes_threads(void *unused) {
  for (;;) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, refused, NULL) == 0) pthread_detach(thread);
    if (fork() == 0) _exit(0);
  }
  return unused;
}

static void executed(char *self) {
  for (int i = 0; i < 20; i++) {
    if (fork() == 0) {
      if (refuse_getppid(0)) bad("a filter", 0);
      execl("/nowhere", self, NULL);
      execl(self, self, "program", NULL);
      _exit(1);
    }
    wait(NULL);
  }
}

static void killed(void) {
  for (int i = 0; i < 20; i++) {
    pid_t child = fork();
    if (child == 0) {
      pthread_t thread;
      signal(SIGCHLD, SIG_IGN);
      if (refuse_getppid(0)) bad("a filter", 0);
      pthread_create(&thread, NULL, makes_threads, NULL);
      for (;;)
        refuse_getppid(SECCOMP_FILTER_FLAG_TSYNC);
    }
    usleep(1000 * i);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
  }
}

static int go_on[2];

static void longest_chain(void) {
  int count = 0;
  while (allow_all() == 0)
    count++;
  if (count < 3000) bad("a chain that short", count);
  long result = refuse_getppid(SECCOMP_FILTER_FLAG_TSYNC);
  if (result != -ENOMEM) bad("a longer chain", result);
  // Calls that nobody has made: every filter of the chain says something of each.
  for (int nr = 300; nr < 334; nr++)
    if (nr != SYS_seccomp) SYS_6(nr, -1, -1, -1, -1, -1, -1);
}

static void *waits(void *unused) {
  char byte;
  if (read(go_on[0], &byte, 1) != 0) bad("a byte", byte);
  return refused(unused);
}

static void given_to_all(void) {
  static pthread_t threads[THREADS];
  if (pipe(go_on)) bad("a pipe", -errno);
  for (int i = 0; i < THREADS; i++)
    if (pthread_create(&threads[i], NULL, waits, NULL)) bad("a thread", i);
  // Its threads have the first of the chain alone.
  for (int i = 0; i < 3000; i++)
    if (allow_all()) bad("a filter", i);
  long result = refuse_getppid(SECCOMP_FILTER_FLAG_TSYNC);
  if (result) bad("for all threads", result);
  close(go_on[1]);
  for (int i = 0; i < THREADS; i++)
    pthread_join(threads[i], NULL);
}

int main(int argc, char **argv) {
  const char *mode = argc > 1 ? argv[1] : "";
  SYS_5(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (!strcmp(mode, "program")) return 0;
  if (!strcmp(mode, "executed")) executed(argv[0]);
  if (!strcmp(mode, "killed")) killed();
  if (!strcmp(mode, "long")) {
    if (fork() == 0) {
      longest_chain();
      _exit(0);
    }
    wait(NULL);
    if (fork() == 0) {
      allow_all();
      given_to_all();
      _exit(0);
    }
    wait(NULL);
  }
  say("done");
  return 0;
}
