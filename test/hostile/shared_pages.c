// F2: pages that all stubs share stay read-only, and chunks keep their size.
//@ args: kernel-page
//@ args: chunk
//@ args: write-kernel-page
//@ args: write-stub-text
//@ args: execute-chunk
//@ ends: 0 139
#include "hostile.h"

static void attack(const char *what, unsigned long at, unsigned long length) {
  char *area = pages(4);
  for (int prot = 2; prot < 8; prot++)
    if (!failed(HOST_3(SYS_mprotect, at, length, prot))) bad(what, prot);
  if (!failed(HOST_5(SYS_mremap, at, length, length, 3, area))) bad(what, 10);
  if (!failed(HOST_5(SYS_mremap, at, 0, length, 3, area))) bad(what, 11);
  if (!failed(HOST_5(SYS_mremap, at, length, 2 * length, 0, 0))) bad(what, 12);
  // Chunks are not inherited, and no advice can change it.
  int is_chunk = at == RF_CHUNKS;
  for (int advice = 0; advice < 26; advice++)
    if (!(is_chunk && advice == MADV_DONTFORK) && !failed(HOST_3(SYS_madvise, at, length, advice)))
      bad(what, 20 + advice);
  for (int fd = 0; fd < 1024; fd++) {
    if (HOST_2(SYS_ftruncate, fd, 0) != -EPERM) bad(what, 100);
    if (HOST_4(SYS_fallocate, fd, 3, 0, PAGE) != -EPERM) bad(what, 101);
  }
}

int main(int argc, char **argv) {
  const char *mode = argc > 1 ? argv[1] : "kernel-page";
  if (strcmp(mode, "kernel-page") == 0) attack(mode, RF_KERNEL_PAGE, RF_KP_SIZE);
  if (strcmp(mode, "chunk") == 0) attack(mode, RF_CHUNKS, RF_CHUNK_SIZE);
  if (strcmp(mode, "write-kernel-page") == 0) {
    *(volatile uint32_t *)(RF_KERNEL_PAGE + RF_KP_SPIN) = 0xffffffff;
    bad("the kernel page was written", 0);
  }
  if (strcmp(mode, "write-stub-text") == 0) {
    *(volatile uint8_t *)RF_STUB_TEXT = 0xcc;
    bad("the stub's text was written", 0);
  }
  if (strcmp(mode, "execute-chunk") == 0) {
    *(volatile uint8_t *)(SLOT + RF_WINDOW) = 0xc3;
    ((void (*)(void))(SLOT + RF_WINDOW))();
    bad("a chunk was executed", 0);
  }
  say("done");
  return 0;
}
