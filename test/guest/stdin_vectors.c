// readv and preadv: how a vector is filled, and the errors of the vector itself.
//@ stdin: abcdefghijklmnopqrstuvwxyz
//@ needs: streams memory
#include "guest.h"
#include <sys/uio.h>

int main(void) {
  char a[4] = "", b[4] = "", c[32] = "";
  struct iovec v[] = {{a, 3}, {NULL, 0}, {b, 2}, {c, 4}};
  value("readv of 3, 0, 2, 4", SYS_3(SYS_readv, 0, v, 4));
  say("got %.3s %.2s %.4s", a, b, c);
  value("no vector", SYS_3(SYS_readv, 0, v, 0));
  value("null vector of none", SYS_3(SYS_readv, 0, 0, 0));
  value("null vector", SYS_3(SYS_readv, 0, 0, 1));
  value("count -1", SYS_3(SYS_readv, 0, v, -1));
  value("count 1025", SYS_3(SYS_readv, 0, v, 1025));
  struct iovec negative[] = {{a, 1}, {b, -1ul}};
  value("negative length", SYS_3(SYS_readv, 0, negative, 2));
  struct iovec kernel[] = {{(void *)-4096L, 16}};
  value("kernel address", SYS_3(SYS_readv, 0, kernel, 1));
  struct iovec second[] = {{a, 2}, {(void *)8, 2}};
  value("bad second piece", SYS_3(SYS_readv, 0, second, 2));
  value("preadv on a pipe", SYS_5(SYS_preadv, 0, v, 1, 0, 0));
  value("preadv2 at -1", SYS_6(SYS_preadv2, 0, v, 1, -1L, -1L, 0));
  value("preadv2 bad flags", SYS_6(SYS_preadv2, 0, v, 1, -1L, -1L, 0x40000000));
  value("the rest", SYS_3(SYS_read, 0, c, sizeof c));
  return 0;
}
