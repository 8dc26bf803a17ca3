// Standard input that ends at once.
//@ needs: streams
#include "guest.h"

int main(void) {
  char buffer[16];
  value("read", SYS_3(SYS_read, 0, buffer, sizeof buffer));
  value("read of 0 bytes", SYS_3(SYS_read, 0, buffer, 0));
  value("read into nowhere", SYS_3(SYS_read, 0, 0, 16));
  value("read of 0 bytes into nowhere", SYS_3(SYS_read, 0, 0, 0));
  return 0;
}
