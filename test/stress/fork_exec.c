// Forks and executes itself as often as it is told: what is left of all that afterwards is the test's
// question (processes.test.ts).
#include "../guest/guest.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>

// Calls that other kernel threads serve, where there are any; what is open closes with its process.
static int calls(void) {
  char bytes[16];
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  int file = open("/proc/self/exe", O_RDONLY), to = socket(AF_INET, SOCK_DGRAM, 0);
  for (int i = 0; i < 4; i++)
    if (pread(file, bytes, 16, i * 16) != 16) return 4;
  if (bind(to, (void *)&address, length) < 0 || getsockname(to, (void *)&address, &length) < 0) return 5;
  if (connect(to, (void *)&address, length) < 0) return 6;
  for (int i = 0; i < 2; i++)
    if (send(to, bytes, 16, 0) != 16 || recv(to, bytes, 16, 0) != 16) return 7;
  return 3;
}

int main(int count, char **arguments) {
  if (count > 2) return calls();
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
