// getrandom: lengths, flags, bad addresses; bytes are random.
//@ needs: identity
#include "guest.h"

static char buffer[70000];

int main(void) {
  static const size_t lengths[] = {0, 1, 16, 255, 256, 257, 4096, 65536, 70000};
  for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
    memset(buffer, 0, sizeof buffer);
    value("getrandom", SYS_3(SYS_getrandom, buffer, lengths[i], 0));
    size_t zeros = 0, behind = 0;
    for (size_t k = 0; k < sizeof buffer; k++) {
      if (k < lengths[i])
        zeros += buffer[k] == 0;
      else
        behind += buffer[k] != 0;
    }
    yes_no(" about one byte in 256 is zero", zeros <= lengths[i] / 64 + 3);
    value(" bytes written behind", behind);
  }
  value("NONBLOCK", SYS_3(SYS_getrandom, buffer, 8, 1));
  value("RANDOM", SYS_3(SYS_getrandom, buffer, 8, 2));
  value("INSECURE", SYS_3(SYS_getrandom, buffer, 8, 4));
  value("INSECURE and RANDOM", SYS_3(SYS_getrandom, buffer, 8, 6));
  value("flag 8", SYS_3(SYS_getrandom, buffer, 8, 8));
  value("null", SYS_3(SYS_getrandom, 0, 8, 0));
  value("null, length 0", SYS_3(SYS_getrandom, 0, 0, 0));
  char *area = pages(1);
  value("across the end of the memory", SYS_3(SYS_getrandom, area + PAGE - 8, 16, 0));
  value("upper bits of the flags", SYS_3(SYS_getrandom, buffer, 8, 0x100000000L));
  return 0;
}
