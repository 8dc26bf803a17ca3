// Files that look like programs and are none: cut off, with absurd headers, with interpreters that are not
// there. Each is an error of execve, or the death that Linux gives.
//@ needs: tasks files
#include "guest.h"
#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char path[] = "/tmp/exec-broken-XXXXXX";
static unsigned char *image, *original;
static size_t size;

static Elf64_Ehdr *header(void) {
  return (Elf64_Ehdr *)image;
}

// The nth segment of a type.
static Elf64_Phdr *segment(unsigned type, int n) {
  Elf64_Phdr *table = (Elf64_Phdr *)(image + header()->e_phoff);
  for (int i = 0; i < header()->e_phnum; i++)
    if (table[i].p_type == type && n-- == 0) return &table[i];
  _exit(96);
}

// Runs the first `length` bytes of the image, and takes the original again.
static void run(const char *what, size_t length) {
  int fd = open(path, O_WRONLY | O_TRUNC);
  if (fd < 0 || write(fd, image, length) != (ssize_t)length) _exit(95);
  close(fd);
  memcpy(image, original, size);
  int pid = fork(), status;
  if (pid == 0) {
    execl(path, path, "child", NULL);
    _exit(200 - errno);
  }
  waitpid(pid, &status, 0);
  if (WIFSIGNALED(status))
    say("%s: killed by signal %d", what, WTERMSIG(status));
  else if (WEXITSTATUS(status) == 42)
    say("%s: runs", what);
  else
    say("%s: %s", what, error_name(WEXITSTATUS(status) - 200));
}

// The whole image, with a program's interpreter in place of its last segment's header.
static void run_with_interpreter(const char *what, const char *interpreter, size_t length) {
  Elf64_Phdr *last = (Elf64_Phdr *)(image + header()->e_phoff) + header()->e_phnum - 1;
  // Room for the path: in the section headers, which nobody reads.
  memcpy(image + header()->e_shoff, interpreter, length);
  *last = (Elf64_Phdr){.p_type = PT_INTERP, .p_offset = header()->e_shoff, .p_filesz = length};
  run(what, size);
}

static void cut(void) {
  size_t lengths[] = {0, 3, 4, 63, 64, 100, 1000};
  char what[64];
  for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
    snprintf(what, sizeof what, "first %zu bytes", lengths[i]);
    run(what, lengths[i]);
  }
  run("headers alone", header()->e_phoff + header()->e_phnum * sizeof(Elf64_Phdr));
  run("half of the text", segment(PT_LOAD, 1)->p_offset + segment(PT_LOAD, 1)->p_filesz / 2);
  run("without section headers", header()->e_shoff);
}

static void absurd_headers(void) {
  header()->e_ident[EI_MAG1] = 'X';
  run("wrong magic", size);
  header()->e_machine = EM_386;
  run("wrong machine", size);
  header()->e_type = ET_REL;
  run("relocatable", size);
  header()->e_type = ET_CORE;
  run("core", size);
  header()->e_phnum = 0;
  run("no segments", size);
  header()->e_phnum = 0xffff;
  run("65535 segments", size);
  header()->e_phentsize = 1;
  run("small segment headers", size);
  header()->e_phoff = size;
  run("segment headers behind the end", size);
  header()->e_phoff = -64ul;
  run("segment headers at the end of numbers", size);
  header()->e_shoff = -1ul;
  header()->e_shnum = 0xffff;
  run("absurd section headers", size);
}

static void absurd_segments(void) {
  segment(PT_LOAD, 0)->p_vaddr = 0xffffffff80000000;
  run("in the kernel", size);
  segment(PT_LOAD, 1)->p_vaddr = 0x7ffffffff000;
  run("at the end of memory", size);
  segment(PT_LOAD, 0)->p_memsz = 1ul << 47;
  run("larger than memory", size);
  segment(PT_LOAD, 1)->p_offset = 1ul << 40;
  run("far behind the end of the file", size);
  header()->e_entry = 0;
  run("entry at 0", size);
  header()->e_entry = 0xffffffff80000000;
  run("entry in the kernel", size);
}

int main(int argc, char **argv) {
  if (argc > 1 && strcmp(argv[1], "child") == 0) return 42;
  int fd = open("/proc/self/exe", O_RDONLY), made = mkstemp(path);
  struct stat st;
  if (fd < 0 || made < 0 || fstat(fd, &st) < 0) return 94;
  fchmod(made, 0755);
  close(made);
  size = st.st_size;
  image = malloc(size);
  original = malloc(size);
  if (read(fd, original, size) != (ssize_t)size) return 93;
  memcpy(image, original, size);
  cut();
  absurd_headers();
  absurd_segments();
  run_with_interpreter("interpreter that is not there", "/nowhere/ld.so", 15);
  run_with_interpreter("interpreter that is a directory", "/tmp", 5);
  run_with_interpreter("interpreter that is no ELF file", "/etc/passwd", 12);
  run_with_interpreter("interpreter without an end", "/etc/passwd", 11);
  run_with_interpreter("interpreter without a name", "", 1);
  unlink(path);
  return 0;
}
