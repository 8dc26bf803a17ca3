// Makes zygotes while the sandbox runs, where several kernels share its process: each has one of its own, from when it is
// started until it ends.
#ifndef RINGFENCE_NURSERY_H
#define RINGFENCE_NURSERY_H

#include <stdint.h>

// What it says, on a SOCK_SEQPACKET socket: a zygote was made, whose socket comes with the message; or there is none, and the
// pid is a negative errno; or one has ended (src/main/group/nursery.ts).
struct nursery_said {
  int32_t event; // enum nursery_event
  int32_t pid;
  int32_t status; // of waitpid
};

enum nursery_event { NURSERY_BORN = 1, NURSERY_ENDED };

// Serves until the other end is gone: a message of one byte asks for a zygote. `run`: becomes one, in a child.
_Noreturn void nursery_run(int channel, void (*run)(void *context, int socket), void *context);

// A descriptor that is readable when children of the calling process have ended, of which no signal comes any more. No return
// on failure.
int ends_of_children(void);

#endif
