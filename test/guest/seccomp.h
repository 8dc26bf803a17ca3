// Filters of system calls, for programs that give themselves some.
#ifndef RINGFENCE_GUEST_SECCOMP_H
#define RINGFENCE_GUEST_SECCOMP_H

#include "guest.h"
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/wait.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define IF(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, yes, no)
#define ANSWER(value) BPF_STMT(BPF_RET | BPF_K, value)

__attribute__((unused)) static long install(unsigned flags, struct sock_filter *filter,
                                            unsigned short length) {
  struct sock_fprog program = {length, filter};
  return SYS_3(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
}

// Calls of one number get that answer.
__attribute__((unused)) static long refuse(unsigned flags, unsigned nr, unsigned answer) {
  struct sock_filter filter[] = {LOAD(nr), IF(nr, 0, 1), ANSWER(answer), ANSWER(SECCOMP_RET_ALLOW)};
  return install(flags, filter, COUNT(filter));
}

__attribute__((unused)) static void in_child(const char *what, void (*body)(void)) {
  int status;
  pid_t child = fork();
  if (child == 0) {
    body();
    _exit(0);
  }
  waitpid(child, &status, 0);
  say("%s: exit %d, signal %d", what, WIFEXITED(status) ? WEXITSTATUS(status) : -1,
      WIFSIGNALED(status) ? WTERMSIG(status) : 0);
}

#endif
