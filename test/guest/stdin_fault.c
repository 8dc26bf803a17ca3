// read into memory that cannot be written: EFAULT, and nothing of the pipe is lost.
//@ stdin: abcdefghijklmnopqrstuvwxyz0123456789
//@ needs: streams memory
#include "guest.h"

int main(void) {
  char *area = pages(2);
  value("null", SYS_3(SYS_read, 0, 0, 4));
  value("kernel address", SYS_3(SYS_read, 0, -4096L, 4));
  value("inaccessible", SYS_3(SYS_read, 0, area - PAGE, 4));
  SYS_3(SYS_mprotect, area, PAGE, PROT_READ);
  value("read-only", SYS_3(SYS_read, 0, area, 4));
  char buffer[8] = "";
  value("good", SYS_3(SYS_read, 0, buffer, 4));
  say("got %.4s", buffer);
  // Four bytes fit before the end of the memory; more were asked for than that.
  char *edge = area + 2 * PAGE - 4;
  value("across the end of the memory", SYS_3(SYS_read, 0, edge, 8));
  value("up to the end of the memory", SYS_3(SYS_read, 0, edge, 4));
  say("got %.4s", edge);
  value("good again", SYS_3(SYS_read, 0, buffer, 4));
  say("got %.4s", buffer);
  return 0;
}
