// The maker: makes sockets of the host's network for a sandbox that was given one (--network=host), in the network namespace
// that its caller named. Node, which makes none itself, asks for them one by one; those that it has been given it uses
// itself. The maker also binds them to ports that the host does not give to everybody.
#ifndef RINGFENCE_MAKER_H
#define RINGFENCE_MAKER_H

#include <stdint.h>

enum maker_what {
  MAKER_SOCKET = 1, // a socket of that domain, type and protocol; it comes along with the answer
  MAKER_BIND = 2,   // binds the socket that comes along
};

// Each in a message of its SOCK_SEQPACKET socket; the answer is an int32_t, 0 or a negative errno
// (src/workers/net/host/maker.ts).
struct maker_request {
  uint32_t what;
  int32_t domain, type, protocol;
  uint32_t name_length;
  uint8_t name[28];
};

// Serves `channel` in the calling process's network namespace until Node is gone; never returns. `empty`: a directory that
// becomes its root.
_Noreturn void maker_run(int channel, const char *empty);

#endif
