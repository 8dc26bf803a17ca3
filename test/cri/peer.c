// One side of what containers of a pod do with each other; the other side is this program in another container.
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SIZE = 4096 };

static int fail(const char *what) {
  perror(what);
  return 1;
}

// A segment of System V's, by its key.
static char *segment(const char *key, int flags) {
  int id = shmget((key_t)atoi(key), SIZE, flags);
  char *at = id < 0 ? (void *)-1 : shmat(id, NULL, 0);
  return at == (void *)-1 ? NULL : at;
}

static int put(const char *key, const char *text) {
  char *at = segment(key, IPC_CREAT | 0600);
  if (at == NULL) return fail("put");
  snprintf(at, SIZE, "%s", text);
  return 0;
}

static int get(const char *key) {
  const char *at = segment(key, 0);
  return at == NULL ? fail("get") : puts(at) < 0;
}

static int hold(const char *path) {
  int file = open(path, O_RDWR | O_CREAT, 0644);
  if (file < 0 || flock(file, LOCK_EX) != 0) return fail("hold");
  puts("up");
  fflush(stdout);
  for (;;)
    pause();
}

static int try(const char *path) {
  int file = open(path, O_RDWR);
  if (file < 0) return fail("try");
  return puts(flock(file, LOCK_EX | LOCK_NB) == 0 ? "free" : "held") < 0;
}

// Two mappings of one file: this side waits for the other's word, and answers.
static _Atomic int *words(const char *path) {
  int file = open(path, O_RDWR | O_CREAT, 0666);
  if (file < 0 || ftruncate(file, SIZE) != 0) return NULL;
  void *at = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  return at == MAP_FAILED ? NULL : at;
}

static int answer(const char *path) {
  _Atomic int *at = words(path);
  if (at == NULL) return fail("answer");
  puts("up");
  fflush(stdout);
  while (at[0] == 0)
    usleep(1000);
  at[1] = at[0] + 1;
  pause();
  return 0;
}

static int ask(const char *path) {
  _Atomic int *at = words(path);
  if (at == NULL) return fail("ask");
  at[0] = 6;
  for (int i = 0; at[1] == 0 && i < 10000; i++)
    usleep(1000);
  return printf("%d\n", at[1]) < 0;
}

static int datagrams(const char *port, const char *text) {
  int s = socket(AF_INET, SOCK_DGRAM, 0);
  struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(port))};
  peer.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof peer;
  char bytes[256];
  if (text != NULL) {
    struct timeval limit = {.tv_sec = 5};
    setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (sendto(s, text, strlen(text), 0, (struct sockaddr *)&peer, size) < 0) return fail("sendto");
    ssize_t got = recv(s, bytes, sizeof bytes, 0);
    return got < 0 ? fail("recv") : printf("%.*s\n", (int)got, bytes) < 0;
  }
  if (bind(s, (struct sockaddr *)&peer, size) != 0) return fail("bind");
  puts("up");
  fflush(stdout);
  for (;;) {
    ssize_t got = recvfrom(s, bytes, sizeof bytes, 0, (struct sockaddr *)&peer, &size);
    if (got >= 0) sendto(s, bytes, (size_t)got, 0, (struct sockaddr *)&peer, size);
  }
}

int main(int argc, char **argv) {
  const char *what = argc > 2 ? argv[1] : "";
  const char *text = argc > 3 ? argv[3] : NULL;
  if (strcmp(what, "put") == 0 && text != NULL) return put(argv[2], text);
  if (strcmp(what, "get") == 0) return get(argv[2]);
  if (strcmp(what, "hold") == 0) return hold(argv[2]);
  if (strcmp(what, "try") == 0) return try(argv[2]);
  if (strcmp(what, "answer") == 0) return answer(argv[2]);
  if (strcmp(what, "ask") == 0) return ask(argv[2]);
  if (strcmp(what, "udp") == 0) return datagrams(argv[2], text);
  return 2;
}
