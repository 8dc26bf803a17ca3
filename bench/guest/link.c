// A server and its client at the two ends of a link: `link serve PORT`, and
//
//   link BUDGET_MS ADDRESS PORT [NAME...]
//
// which prints a line `name ns` for each: a stream of 64 KiB blocks to the server and from it, per block, and the round trip
// of a byte. The medians of slices of the budget.
#include "bench.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define BLOCK 65536
#define CONNECT_TRIES 1000 // ten milliseconds apart

static char block[BLOCK];

static struct sockaddr_in address_of(const char *text, const char *port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(port))};
  CHECK(inet_pton(AF_INET, text, &address.sin_addr) == 1);
  return address;
}

// What the first byte of a connection asks for.
static void answer(int connection) {
  char wish;
  if (read(connection, &wish, 1) != 1) return;
  if (wish == 'r')
    while (read(connection, block, sizeof block) > 0)
      ;
  else if (wish == 's')
    while (write(connection, block, sizeof block) > 0)
      ;
  else
    while (read(connection, &wish, 1) == 1 && write(connection, &wish, 1) == 1)
      ;
}

static int serve(const char *port) {
  struct sockaddr_in address = address_of("0.0.0.0", port);
  int one = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
  CHECK(setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0);
  CHECK(bind(listener, (struct sockaddr *)&address, sizeof address) == 0 && listen(listener, 8) == 0);
  signal(SIGPIPE, SIG_IGN);
  for (;;) {
    int connection = accept(listener, NULL, NULL);
    CHECK(connection >= 0);
    setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    answer(connection);
    close(connection);
  }
}

static int connected(const struct sockaddr_in *address, char wish) {
  int one = 1;
  for (int i = 0; i < CONNECT_TRIES; i++) {
    int connection = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(connection, (const struct sockaddr *)address, sizeof *address) == 0) {
      CHECK(setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) == 0);
      CHECK(write(connection, &wish, 1) == 1);
      return connection;
    }
    close(connection);
    usleep(10000);
  }
  bench_fail("connect");
}

// Each does one operation, or a part of it: bytes, which are counted.
static long send_some(int connection) {
  return write(connection, block, sizeof block);
}

static long receive_some(int connection) {
  return read(connection, block, sizeof block);
}

static long round_trip(int connection) {
  CHECK(write(connection, block, 1) == 1);
  return read(connection, block, 1);
}

static const struct way {
  const char *name;
  char wish;
  long (*step)(int connection);
  double bytes; // of an operation
} ways[] = {{"link_to", 'r', send_some, BLOCK},
            {"link_from", 's', receive_some, BLOCK},
            {"link_trip", 'e', round_trip, 1}};

static void measure(const struct way *way, const struct sockaddr_in *address, double budget) {
  int connection = connected(address, way->wish);
  double slices[BATCHES];
  // The first slice is the warm-up: windows open.
  for (int i = -1; i < BATCHES; i++) {
    double from = bench_now(), bytes = 0, took;
    do {
      long n = way->step(connection);
      CHECK(n > 0);
      bytes += (double)n;
      took = bench_now() - from;
    } while (took < budget / BATCHES);
    if (i >= 0) slices[i] = took * way->bytes / bytes;
  }
  close(connection);
  qsort(slices, BATCHES, sizeof *slices, bench_order);
  printf("%s %.0f\n", way->name, slices[BATCHES / 2]);
}

int main(int argc, char **argv) {
  if (argc == 3 && strcmp(argv[1], "serve") == 0) return serve(argv[2]);
  if (argc < 4) return 2;
  struct sockaddr_in address = address_of(argv[2], argv[3]);
  for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
    int wanted = argc == 4;
    for (int word = 4; word < argc; word++)
      wanted |= strcmp(argv[word], ways[i].name) == 0;
    if (wanted) measure(&ways[i], &address, atof(argv[1]) * 1e6);
  }
  return 0;
}
