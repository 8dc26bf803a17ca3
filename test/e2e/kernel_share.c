// A guest that takes all that it finds of one thing, says in one line how much that was and by which errnos it was told that
// there is no more, and holds it until its standard input ends.
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define THREADS_MAX 8192
#define STACK 8192
#define MIB (1 << 20)
// The largest ring, and nearly as many as there may be: beyond that it is not memory that is told to be missing.
#define RING_MAX 256
#define RINGS_MAX 63
#define FILE_MIB 16

static char stacks[THREADS_MAX][STACK] __attribute__((aligned(16)));

static int sleeps(void *unused) {
  while (syscall(SYS_pause))
    continue;
  return unused != NULL;
}

static void threads(void) {
  int count = 0, flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM;
  while (count < THREADS_MAX && clone(sleeps, stacks[count] + STACK, flags, NULL) > 0)
    count++;
  printf("%d %s\n", count, count < THREADS_MAX ? strerrorname_np(errno) : "none");
}

// 0 or an errno. Nothing is written to it: the host has none of it to give.
static int ring(int mib) {
  int s = socket(AF_PACKET, SOCK_RAW, 0);
  struct tpacket_req request = {MIB, mib, 2048, mib * (MIB / 2048)};
  if (s < 0) return errno;
  if (setsockopt(s, SOL_PACKET, PACKET_RX_RING, &request, sizeof request) == 0) return 0;
  int error = errno;
  close(s);
  return error;
}

// 0 or an errno.
static int file(void) {
  int f = memfd_create("f", 0);
  return f < 0 || fallocate(f, 0, 0, (long)FILE_MIB * MIB) < 0 ? errno : 0;
}

// Memory that no process owns, by rings of packet sockets; when those find none, by a file. Mebibytes.
static void memory(void) {
  int taken = 0, rings = 0, error = 0;
  for (int mib = RING_MAX; mib > 0 && rings < RINGS_MAX;) {
    error = ring(mib);
    if (error == 0)
      taken += mib, rings++;
    else if (error == ENOMEM)
      mib /= 2;
    else
      break;
  }
  const char *of_file = strerrorname_np(file());
  printf("%d %s %s\n", taken, strerrorname_np(error), of_file ? of_file : "none");
}

int main(int argc, char **argv) {
  char byte;
  if (argc > 1 && strcmp(argv[1], "threads") == 0) threads();
  if (argc > 1 && strcmp(argv[1], "memory") == 0) memory();
  fflush(stdout);
  return read(0, &byte, 1) != 0;
}
