// The host's vDSO as this process has it: where its functions lie in the image. The zygote has moved the
// same image into the stub window, so offsets are all that the guest's own vDSO needs.
#include "host.h"

#include <elf.h>
#include <string.h>
#include <sys/auxv.h>

/* Offset of a function in the host's vDSO image, or -1. The image is the host kernel's: trusted. */
RF_EXPORT double rf_host_vdso_offset(const char *name) {
  const uint8_t *image = (const uint8_t *)getauxval(AT_SYSINFO_EHDR);
  if (!image) return -1;
  const Elf64_Ehdr *header = (const Elf64_Ehdr *)image;
  const Elf64_Phdr *phdr = (const Elf64_Phdr *)(image + header->e_phoff);
  const Elf64_Dyn *dynamic = NULL;
  uint64_t base = 0;
  for (int i = 0; i < header->e_phnum; i++) {
    if (phdr[i].p_type == PT_DYNAMIC) dynamic = (const Elf64_Dyn *)(image + phdr[i].p_offset);
    if (phdr[i].p_type == PT_LOAD) base = phdr[i].p_vaddr;
  }
  const Elf64_Sym *symbols = NULL;
  const char *strings = NULL;
  const Elf64_Word *hash = NULL;
  const uint32_t *gnu = NULL;
  for (; dynamic && dynamic->d_tag != DT_NULL; dynamic++) {
    const uint8_t *at = image + (dynamic->d_un.d_ptr - base);
    if (dynamic->d_tag == DT_SYMTAB) symbols = (const Elf64_Sym *)at;
    if (dynamic->d_tag == DT_STRTAB) strings = (const char *)at;
    if (dynamic->d_tag == DT_HASH) hash = (const Elf64_Word *)at;
    if (dynamic->d_tag == DT_GNU_HASH) gnu = (const uint32_t *)at;
  }
  if (!symbols || !strings) return -1;
  // The symbol table lies before the string table in every vDSO; the hash table, where there is one, says its
  // length.
  size_t count = hash  ? hash[1]
                 : gnu ? (size_t)((const uint8_t *)strings - (const uint8_t *)symbols) / sizeof *symbols
                       : 0;
  for (size_t i = 0; i < count; i++)
    if (symbols[i].st_shndx != SHN_UNDEF && !strcmp(strings + symbols[i].st_name, name))
      return (double)(symbols[i].st_value - base);
  return -1;
}
