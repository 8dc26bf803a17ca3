// What holds a pod: it waits for a signal that asks it to end, and reaps what others leave to it.
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void on_end(int signal) {
  (void)signal;
  _exit(0);
}

static void on_child(int signal) {
  (void)signal;
  while (waitpid(-1, NULL, WNOHANG) > 0) {
  }
}

int main(void) {
  if (sigaction(SIGTERM, &(struct sigaction){.sa_handler = on_end}, NULL) != 0 ||
      sigaction(SIGINT, &(struct sigaction){.sa_handler = on_end}, NULL) != 0 ||
      sigaction(SIGCHLD, &(struct sigaction){.sa_handler = on_child, .sa_flags = SA_NOCLDSTOP}, NULL) != 0)
    return 1;
  for (;;)
    pause();
}
