// Frames of packet sockets and TAP devices, a batch a call, between the host and memory of the kernel thread; and what
// the keeper says (native/keeper/). All descriptors are non-blocking and were made by somebody else.
#include "host.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "../keeper/keeper.h"
#include "ringfence/rights.h"

#define FRAMES_MAX 32
#define TRUNCATED 0x80000000u

static int32_t receive(int32_t fd, struct iovec *parts, int32_t count) {
  struct mmsghdr messages[FRAMES_MAX];
  for (int i = 0; i < count; i++)
    messages[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &parts[i], .msg_iovlen = 1}};
  int n = recvmmsg(fd, messages, (unsigned)count, MSG_DONTWAIT, NULL);
  if (n < 0) return -errno;
  uint32_t *lengths = (uint32_t *)rf_scratch;
  for (int i = 0; i < n; i++)
    lengths[i] = messages[i].msg_len | (messages[i].msg_hdr.msg_flags & MSG_TRUNC ? TRUNCATED : 0);
  return n;
}

static int32_t send_frames(int32_t fd, struct iovec *parts, int32_t count) {
  struct mmsghdr messages[FRAMES_MAX];
  for (int i = 0; i < count; i++)
    messages[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &parts[i], .msg_iovlen = 1}};
  return (int32_t)result_of(sendmmsg(fd, messages, (unsigned)count, MSG_DONTWAIT | MSG_NOSIGNAL));
}

/* Receives up to `count` frames, each to its own of the places that are listed in the scratch area (struct iovec): how many
   came, their lengths (u32, with the highest bit for one that was longer) in the scratch area. -EAGAIN: there are none. */
RF_EXPORT int32_t rf_frames_fill(int32_t fd, int32_t count) {
  struct iovec parts[FRAMES_MAX];
  if (count > FRAMES_MAX) count = FRAMES_MAX;
  memcpy(parts, rf_scratch, (size_t)count * sizeof *parts);
  return receive(fd, parts, count);
}

/* Receives up to `max` frames, each to its own `size` bytes of `bytes`, one behind the other: how many came, their lengths
   (u32, with the highest bit for one that was longer) in the scratch area. -EAGAIN: there are none. */
RF_EXPORT int32_t rf_frames_receive(int32_t fd, uint8_t *bytes, uint32_t size, int32_t max) {
  struct iovec parts[FRAMES_MAX];
  if (max > FRAMES_MAX) max = FRAMES_MAX;
  for (int i = 0; i < max; i++)
    parts[i] = (struct iovec){bytes + (size_t)i * size, size};
  return receive(fd, parts, max);
}

/* Sends up to `count` frames, which stand in `bytes` as pairs of offset and length (u32) in the scratch area say: how many
   the host took, or a negative errno about the first. */
RF_EXPORT int32_t rf_frames_send(int32_t fd, uint8_t *bytes, int32_t count) {
  struct iovec parts[FRAMES_MAX];
  const uint32_t *places = (const uint32_t *)rf_scratch;
  if (count > FRAMES_MAX) count = FRAMES_MAX;
  for (int i = 0; i < count; i++)
    parts[i] = (struct iovec){bytes + places[2 * i], places[2 * i + 1]};
  return send_frames(fd, parts, count);
}

/* The same of frames that are listed in the scratch area (struct iovec). */
RF_EXPORT int32_t rf_frames_empty(int32_t fd, int32_t count) {
  return send_frames(fd, (struct iovec *)rf_scratch, count < FRAMES_MAX ? count : FRAMES_MAX);
}

/* The same with a TAP device, which takes and gives a frame a call. */
RF_EXPORT int32_t rf_tap_fill(int32_t fd, int32_t most) {
  struct iovec parts[FRAMES_MAX];
  if (most > FRAMES_MAX) most = FRAMES_MAX;
  memcpy(parts, rf_scratch, (size_t)most * sizeof *parts);
  uint32_t *lengths = (uint32_t *)rf_scratch;
  int count = 0;
  for (; count < most; count++) {
    ssize_t n = readv(fd, &parts[count], 1);
    if (n < 0 && count == 0) return -errno;
    if (n < 0) break;
    lengths[count] = (uint32_t)n;
  }
  return count;
}

RF_EXPORT int32_t rf_tap_empty(int32_t fd, int32_t count) {
  const struct iovec *parts = (const struct iovec *)rf_scratch;
  if (count > FRAMES_MAX) count = FRAMES_MAX;
  for (int i = 0; i < count; i++)
    if (writev(fd, &parts[i], 1) < 0) return i > 0 ? i : -errno;
  return count;
}

/* A message of the keeper, at most `size` bytes of it: its length, 0 at the end, or a negative errno; in the scratch area
   the descriptor that came along, -EMFILE if there was no room for it, or -1. */
RF_EXPORT int32_t rf_keeper_receive(int32_t fd, uint8_t *bytes, uint32_t size) {
  int32_t came;
  ssize_t n = rights_receive(fd, bytes, size, MSG_DONTWAIT, &came);
  if (n < 0) return -errno;
  memcpy(rf_scratch, &came, sizeof came);
  return (int32_t)n;
}

/* Asks the keeper for a socket: what comes of it is a message of its own. */
RF_EXPORT int32_t rf_keeper_ask(int32_t fd, uint32_t what, uint32_t family, uint32_t port) {
  struct keeper_request request = {.what = what, .family = family, .port = port};
  return result_of(send(fd, &request, sizeof request, MSG_DONTWAIT | MSG_NOSIGNAL));
}
