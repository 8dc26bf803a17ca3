// F12, F20: bytes of a stream that are received to memory which is gone behind the kernel's back. What arrives is the next of
// the stream, up to where memory ends; what does not comes next, once.
//@ ends: 0
//@ deadline: 30
#include "hostile.h"
#include "streams.h"
#include <poll.h>
#include <sys/ioctl.h>

#define COUNT 64ul
#define ROUNDS 300

static unsigned char out[60000], in[60000];

static unsigned char byte_at(size_t at) {
  return (at * 31 + (at >> 8) * 7 + (at >> 16)) & 0xff;
}

static void check(const char *what, const unsigned char *bytes, size_t at, long n) {
  for (long i = 0; i < n; i++)
    if (bytes[i] != byte_at(at + i)) bad(what, i);
}

int main(void) {
  unsigned char *area = (unsigned char *)pages(COUNT);
  memset(area, 1, COUNT * PAGE);
  find_gadget();
  join_by_tcp();
  size_t taken = 0;
  for (int i = 0; i < ROUNDS; i++) {
    size_t length = 1 + next_random() % sizeof out;
    for (size_t k = 0; k < length; k++)
      out[k] = byte_at(taken + k);
    if (write(client, out, length) != (ssize_t)length) bad("write", -errno);
    for (int there = 0, tries = 0; there < (int)length && tries < 2000; tries++) {
      ioctl(server, FIONREAD, &there);
      if (there < (int)length) usleep(1000);
    }
    unsigned char *gone = area + next_random() % COUNT * PAGE;
    size_t rest = area + COUNT * PAGE - gone;
    if (failed(HOST_3(SYS_mprotect, gone, rest, PROT_NONE))) bad("mprotect", 0);
    unsigned char *at = area + next_random() % (COUNT * PAGE / 2);
    long n = SYS_6(SYS_recvfrom, server, at, area + COUNT * PAGE - at, MSG_DONTWAIT, 0, 0);
    if (n != -EFAULT && (n <= 0 || n > (long)length || at + n > gone)) bad("receive", n);
    check("what arrived", at, taken, n);
    HOST_3(SYS_mprotect, gone, rest, PROT_READ | PROT_WRITE);
    size_t end = taken + length;
    for (taken += n > 0 ? n : 0; taken < end; taken += n) {
      n = SYS_6(SYS_recvfrom, server, in, sizeof in, MSG_DONTWAIT, 0, 0);
      if (n <= 0) bad("the rest", n);
      check("the rest", in, taken, n);
    }
    if (taken != end) bad("more came than was sent", taken - end);
    n = SYS_6(SYS_recvfrom, server, in, sizeof in, MSG_DONTWAIT, 0, 0);
    if (n != -EAGAIN) bad("something else", n);
  }
  say("done");
  return 0;
}
