// membarrier: the private commands, registration, errors.
//@ needs: memory
#include "guest.h"
#include <linux/membarrier.h>
#include <sys/wait.h>

static long call(int command, int flags) {
  return SYS_3(SYS_membarrier, command, flags, 0);
}

int main(void) {
  long offered = call(MEMBARRIER_CMD_QUERY, 0);
  yes_no("offers private", (offered & MEMBARRIER_CMD_PRIVATE_EXPEDITED) != 0);
  yes_no("offers sync core", (offered & MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE) != 0);
  value("private, not registered", call(MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0));
  value("register", call(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0));
  value("private", call(MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0));
  value("sync core, not registered", call(MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE, 0));
  value("register", call(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE, 0));
  value("sync core", call(MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE, 0));
  value("registrations", call(512, 0));
  value("flags", call(MEMBARRIER_CMD_QUERY, 1));
  value("unknown", call(1 << 20, 0));
  pid_t child = fork();
  if (child == 0) _exit(failed(call(MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0)) ? 1 : 0);
  int status;
  waitpid(child, &status, 0);
  say("in a child: %d", WEXITSTATUS(status));
  return 0;
}
