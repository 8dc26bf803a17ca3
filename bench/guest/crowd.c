// `crowd SETTLE_MS COUNT HOLD_MS`: waits, makes so many connections to itself over loopback, and holds them, idle.
#include "bench.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define OTHERS 64 // descriptors

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  long count = atol(argv[2]);
  struct rlimit limit;
  CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
  limit.rlim_cur = (rlim_t)(2 * count + OTHERS);
  if (limit.rlim_max < limit.rlim_cur) limit.rlim_max = limit.rlim_cur;
  CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
  usleep((useconds_t)atol(argv[1]) * 1000);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  CHECK(bind(listener, (struct sockaddr *)&address, length) == 0 && listen(listener, 128) == 0);
  CHECK(getsockname(listener, (struct sockaddr *)&address, &length) == 0);
  for (long i = 0; i < count; i++) {
    int client = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(client >= 0 && connect(client, (struct sockaddr *)&address, length) == 0);
    CHECK(accept(listener, NULL, NULL) >= 0);
  }
  usleep((useconds_t)atol(argv[3]) * 1000);
  return 0;
}
