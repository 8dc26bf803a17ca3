// What programs about ptrace(2) have in common: raw requests with their errors as values, and stops as text.
#ifndef RINGFENCE_TRACING_H
#define RINGFENCE_TRACING_H
#include "guest.h"
#include <elf.h>
#include <linux/ptrace.h>
#include <sched.h>
#include <stddef.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>

// The system call itself: PEEK puts what it finds at `data`.
__attribute__((unused)) static long trace(long request, long pid, const void *address, const void *data) {
  return SYS_4(SYS_ptrace, request, pid, address, data);
}

__attribute__((unused)) static long peek(long pid, const void *address) {
  long word = 0, error = trace(PTRACE_PEEKDATA, pid, address, &word);
  return error < 0 ? error : word;
}

__attribute__((unused)) static struct user_regs_struct registers(long pid) {
  struct user_regs_struct regs = {0};
  long error = trace(PTRACE_GETREGS, pid, 0, &regs);
  if (error < 0) value("registers", error);
  return regs;
}

__attribute__((unused)) static const char *event_name(int event) {
  static const char *const names[] = {"", "fork", "vfork", "clone", "exec", "vfork done", "exit", "seccomp"};
  return event == PTRACE_EVENT_STOP ? "stop" : event < 8 ? names[event] : "?";
}

// "what: exited 3", "what: killed by KILL", "what: stopped by TRAP, event fork".
__attribute__((unused)) static void status_is(const char *what, int status) {
  if (WIFEXITED(status))
    say("%s: exited %d", what, WEXITSTATUS(status));
  else if (WIFSIGNALED(status))
    say("%s: killed by %s", what, sigabbrev_np(WTERMSIG(status)));
  else if (WIFCONTINUED(status))
    say("%s: continued", what);
  else if (status >> 16)
    say("%s: stopped by %s, event %s", what, sigabbrev_np(WSTOPSIG(status) & 0x7f), event_name(status >> 16));
  else
    say("%s: stopped by %s%s", what, sigabbrev_np(WSTOPSIG(status) & 0x7f),
        WSTOPSIG(status) & 0x80 ? ", at a call" : "");
}

// Waits for one thread or process and tells how it fares; its status.
__attribute__((unused)) static int wait_for(const char *what, int pid) {
  int status = 0;
  long got = SYS_4(SYS_wait4, pid, &status, __WALL, 0);
  if (got != pid)
    value(what, got < 0 ? got : -ECHILD);
  else
    status_is(what, status);
  return status;
}

// The line of a thread's status that begins with `name`.
__attribute__((unused)) static long line_of(int pid, int tid, const char *name, char *out, size_t room) {
  char path[64], text[4096];
  snprintf(path, sizeof path, "/proc/%d/task/%d/status", pid, tid);
  FILE *file = fopen(path, "r");
  if (!file) return -errno;
  while (fgets(text, sizeof text, file))
    if (!strncmp(text, name, strlen(name))) {
      text[strcspn(text, "\n")] = 0;
      snprintf(out, room, "%s", text + strlen(name) + 2);
    }
  fclose(file);
  return 0;
}

__attribute__((unused)) static long status_line(int pid, const char *name, char *out, size_t room) {
  return line_of(pid, pid, name, out, room);
}

// Until its state is that letter.
__attribute__((unused)) static void until_thread(int pid, int tid, char state) {
  char text[64] = "";
  for (int i = 0; i < 5000; i++) {
    line_of(pid, tid, "State", text, sizeof text);
    if (text[0] == state) return;
    usleep(1000);
  }
  say("it is %s, not %c", text, state);
}

__attribute__((unused)) static void until_state(int pid, char state) {
  until_thread(pid, pid, state);
}

// A child that begins by having its parent trace it, and stops.
#define TRACED_CHILD(pid, code)                                                                              \
  do {                                                                                                       \
    pid = fork();                                                                                            \
    if (pid == 0) {                                                                                          \
      trace(PTRACE_TRACEME, 0, 0, 0);                                                                        \
      raise(SIGSTOP);                                                                                        \
      code;                                                                                                  \
      _exit(0);                                                                                              \
    }                                                                                                        \
  } while (0)

#endif
