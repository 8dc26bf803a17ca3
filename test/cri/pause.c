// What holds a pod: it waits for a signal that asks it to end, and reaps what others leave to it. As `pause echo PORT`,
// which is executed beside it, it sends back what comes to a port of the pod's loopback address, without an end.
#include <arpa/inet.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
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

static int echo(unsigned short port) {
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  if (bind(listener, (struct sockaddr *)&at, sizeof at) != 0 || listen(listener, 8) != 0) return 1;
  for (;;) {
    int connection = accept(listener, NULL, NULL);
    char bytes[4096];
    for (ssize_t got; (got = read(connection, bytes, sizeof bytes)) > 0;)
      if (write(connection, bytes, (size_t)got) != got) break;
    close(connection);
  }
}

int main(int argc, char **argv) {
  if (argc > 2) return echo((unsigned short)atoi(argv[2]));
  if (sigaction(SIGTERM, &(struct sigaction){.sa_handler = on_end}, NULL) != 0 ||
      sigaction(SIGINT, &(struct sigaction){.sa_handler = on_end}, NULL) != 0 ||
      sigaction(SIGCHLD, &(struct sigaction){.sa_handler = on_child, .sa_flags = SA_NOCLDSTOP}, NULL) != 0)
    return 1;
  for (;;)
    pause();
}
