// execve of programs of the system: a shell, and its exit status.
//@ needs: fork exec files
#include "guest.h"
#include <sys/wait.h>

static int run(char *const arguments[]) {
  int status, pid = fork();
  if (pid == 0) {
    execve(arguments[0], arguments, (char *[]){"PATH=/usr/bin:/bin", NULL});
    _exit(98);
  }
  waitpid(pid, &status, 0);
  return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

int main(void) {
  value("true", run((char *[]){"/bin/true", NULL}));
  value("false", run((char *[]){"/bin/false", NULL}));
  value("sh echo", run((char *[]){"/bin/sh", "-c", "echo from the shell; exit 7", NULL}));
  value("sh pipe", run((char *[]){"/bin/sh", "-c", "echo b a c | tr ' ' '\\n' | sort | tail -1", NULL}));
  value("sh kills itself", run((char *[]){"/bin/sh", "-c", "kill -TERM $$", NULL}));
  value("sh background", run((char *[]){"/bin/sh", "-c", "(sleep 0.05; exit 3) & wait $!", NULL}));
  return 0;
}
