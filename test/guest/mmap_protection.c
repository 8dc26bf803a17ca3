// Protection bits and what can then be read and written.
//@ needs: memory
#include "guest.h"

int main(void) {
  static const char *const names[] = {"---", "r--", "-w-", "rw-", "--x", "r-x", "-wx", "rwx"};
  for (int prot = 0; prot < 8; prot++) {
    long at = map_at(NULL, PAGE, prot, MAP_PRIVATE | MAP_ANONYMOUS);
    if (failed(at))
      outcome(names[prot], at);
    else
      access_of(names[prot], (void *)at);
  }
  for (int prot = 0; prot < 8; prot++) {
    long at = map_at(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
    long changed = SYS_3(SYS_mprotect, at, PAGE, prot);
    char what[32];
    snprintf(what, sizeof what, "changed to %s", names[prot]);
    if (failed(changed))
      outcome(what, changed);
    else
      access_of(what, (void *)at);
  }
  return 0;
}
