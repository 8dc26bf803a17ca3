// Forks and executes itself as often as it is told: what is left of all that afterwards is the test's
// question (processes.test.ts).
#include "../guest/guest.h"
#include <sys/wait.h>

int main(int count, char **arguments) {
  if (count > 2) return 3;
  int failures = 0;
  for (int i = 0; i < atoi(arguments[1]); i++) {
    int status;
    pid_t child = fork();
    if (child == 0) {
      execl("/proc/self/exe", "child", "one", "two", NULL);
      _exit(127);
    }
    if (child < 0 || waitpid(child, &status, 0) != child || WEXITSTATUS(status) != 3) failures++;
  }
  say("failures: %d", failures);
  return 0;
}
