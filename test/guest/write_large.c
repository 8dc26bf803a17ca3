// Large writes: all bytes arrive, in order, whatever the sizes.
//@ needs: streams memory
#include "guest.h"

int main(void) {
  static char data[300000];
  for (size_t i = 0; i < sizeof data; i++)
    data[i] = i % 61 == 60 ? '\n' : 'A' + (i * 7 + i / 1000) % 26;
  static const size_t sizes[] = {1, 4095, 4096, 4097, 32767, 32768, 32769, 65536, 100001};
  size_t at = 0;
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    for (size_t done = 0; done < sizes[i];) {
      ssize_t n = write(1, data + (at + done) % 100000, sizes[i] - done);
      if (n <= 0) return 1;
      done += n;
    }
    at += sizes[i];
  }
  write(1, "\n", 1);
  return 0;
}
