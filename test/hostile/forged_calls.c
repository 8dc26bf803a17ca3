// System call requests with random numbers and registers, put into the slot by hand.
//@ args: 1
//@ args: 2
//@ args: 3
//@ args: 4
//@ ends: any
//@ deadline: 3
#include "hostile.h"

int main(int argc, char **argv) {
  random_state = argc > 1 ? atoi(argv[1]) : 1;
  leave_no_objects();
  for (int i = 0; i < 3000; i++) {
    for (unsigned at = RF_FRAME; at < RF_FRAME + RF_FRAME_SIZE; at += 8)
      *quad_at(at) = nasty();
    uint64_t nr = next_random() % 470;
    if (nr == SYS_exit || nr == SYS_exit_group || nr == SYS_pause || nr == SYS_rt_sigsuspend) nr = SYS_getpid;
    *quad_at(RF_ORIG_RAX) = nr;
    *word_at(RF_REQ_IN_LENGTH) = nasty();
    *word_at(RF_REQ_IN_LENGTH + 4) = nasty();
    *word_at(RF_REQ_FLAGS) = nasty();
    reply_to(forge(1), 2);
  }
  say("survived");
  return 0;
}
