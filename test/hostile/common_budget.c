// A guest that uses up what the kernel threads have in common (src/workers/credits.ts): memory that no process owns, by
// rings of packet sockets and by files, and what sockets hold, by local sockets and by datagrams that are put together.
// Whoever comes next is refused, on whichever thread; and when that is given back, everybody finds it again.
//@ args: rings-then-files
//@ args: files-then-rings
//@ args: local-then-datagrams
//@ args: datagrams-then-local
//@ ends: 0
//@ deadline: 60
//@ needs: sockets
#include "hostile.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>

#define MANY 6000
#define RINGS_MAX 64
#define MIB (1 << 20)
// A thread that has something to give back does so when it has served what came before: others wait for that.
#define PATIENCE_S 5.0

static char buffer[65536];
static int fds[MANY];
static int count;

static void many_files(void) {
  struct rlimit l = {MANY + 100, MANY + 100};
  if (setrlimit(RLIMIT_NOFILE, &l)) bad("descriptors", -errno);
}

static void close_all(int from) {
  for (; count > from; count--)
    close(fds[count - 1]);
}

// Whether an attempt succeeds in time; what it has made is at fds[count].
static int soon(int (*attempt)(void)) {
  for (double end = seconds() + PATIENCE_S; attempt() < 0;) {
    if (seconds() > end) return 0;
    usleep(1000);
  }
  return 1;
}

// ---- Memory that no process owns ----

static int ring(int mib) {
  int s = socket(AF_PACKET, SOCK_RAW, 0);
  struct tpacket_req r = {MIB, mib, 2048, mib * (MIB / 2048)};
  if (s < 0) return -errno;
  if (setsockopt(s, SOL_PACKET, PACKET_RX_RING, &r, sizeof r) == 0) return s;
  int error = -errno;
  close(s);
  return error;
}

// Nothing is written to them: the host has none of it to give. False: there is more than all rings may have.
static int fill_by_rings(void) {
  for (int mib = 256; mib > 0;) {
    int s = ring(mib);
    if (s >= 0)
      fds[count++] = s;
    else if (s != -ENOMEM)
      bad("a ring", s);
    else
      mib /= 2;
    if (count == RINGS_MAX) return 0;
  }
  return 1;
}

static int file_of(int mib) {
  int f = memfd_create("f", 0);
  if (f < 0) return -errno;
  if (fallocate(f, 0, 0, (long)mib * MIB) == 0) return f;
  int error = -errno;
  close(f);
  return error;
}

static int some_file(void) {
  int f = file_of(16);
  if (f >= 0) close(f);
  return f;
}

static int some_ring(void) {
  int s = ring(32);
  if (s >= 0) close(s);
  return s;
}

static void rings_then_files(void) {
  if (!fill_by_rings()) {
    say("more memory than rings");
    return;
  }
  int f = file_of(16);
  if (f != -ENOSPC) bad("a file where rings have all", f);
  close_all(0);
  if (!soon(some_file)) bad("a file, when rings are gone", -errno);
  say("given back");
}

static void files_then_rings(void) {
  int first = ring(64), last;
  if (first < 0) bad("the first ring", first);
  if (!fill_by_rings()) {
    say("more memory than rings");
    return;
  }
  // Files get what this one had, and leave a little.
  close(first);
  int rings = count;
  for (double end = seconds() + PATIENCE_S; count - rings < 15 && seconds() < end; usleep(1000))
    while (count - rings < 16 && (last = file_of(4)) >= 0)
      fds[count++] = last;
  if (count - rings < 15) bad("files where a ring was", count - rings);
  int s = ring(32);
  if (s != -ENOMEM) bad("a ring where files have all", s);
  close_all(rings);
  if (!soon(some_ring)) bad("a ring, when files are gone", -errno);
  say("given back");
}

// ---- What sockets hold ----

// Local sockets, until there is no room for the smallest of messages.
static void fill_by_local_sockets(void) {
  for (int size = 16384; count + 2 < MANY;) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair)) bad("a pair", -errno);
    fds[count++] = pair[0], fds[count++] = pair[1];
    while (size >= 64) {
      if (send(pair[0], buffer, size, MSG_DONTWAIT) > 0) continue;
      if (errno == EAGAIN) break;
      if (errno != ENOBUFS) bad("a message", -errno);
      size /= 4;
    }
    if (size < 64) return;
  }
  bad("what local sockets hold is without a bound", count);
}

static int put_together(int s, int size) {
  struct sockaddr_in to = {AF_INET, htons(7300), {htonl(INADDR_LOOPBACK)}, {0}};
  return sendto(s, buffer, size, MSG_MORE | MSG_DONTWAIT, (void *)&to, sizeof to) < 0 ? -errno : 0;
}

// Datagrams that are not sent yet, until there is no room for the smallest.
static void fill_by_datagrams(void) {
  for (int size = 60000; count < MANY;) {
    int error = 0, s = socket(AF_INET, SOCK_DGRAM, 0);
    if (s < 0) bad("a socket", -errno);
    fds[count++] = s;
    while (size >= 64 && (error = put_together(s, size)) == -ENOBUFS)
      size /= 4;
    if (size < 64) return;
    if (error) bad("a datagram", error);
  }
  bad("what datagrams hold is without a bound", count);
}

static int some_datagram(void) {
  int s = socket(AF_INET, SOCK_DGRAM, 0), error = put_together(s, 60000);
  close(s);
  return error;
}

static int some_message(void) {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair)) return -errno;
  int error = send(pair[0], buffer, 16384, MSG_DONTWAIT) < 0 ? -errno : 0;
  close(pair[0]), close(pair[1]);
  return error;
}

static void one_then_other(void (*fill)(void), int (*other)(void)) {
  many_files();
  fill();
  int error = other();
  if (error != -ENOBUFS) bad("what others hold, where all is held", error);
  close_all(0);
  if (!soon(other)) bad("what others hold, when nothing is held", -errno);
  say("given back");
}

int main(int argc, char **argv) {
  const char *mode = argc > 1 ? argv[1] : "rings-then-files";
  if (strcmp(mode, "rings-then-files") == 0) rings_then_files();
  if (strcmp(mode, "files-then-rings") == 0) files_then_rings();
  if (strcmp(mode, "local-then-datagrams") == 0) one_then_other(fill_by_local_sockets, some_datagram);
  if (strcmp(mode, "datagrams-then-local") == 0) one_then_other(fill_by_datagrams, some_message);
  return 0;
}
