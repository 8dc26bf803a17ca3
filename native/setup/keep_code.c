// Loaded by the Node that writes a snapshot (scripts/snapshot_builder.cjs), at set-up alone: the snapshot keeps the
// bytecode that there is. V8 lets who makes a snapshot choose that; Node chooses to have everything compiled again, which
// was a quarter of a sandbox's start. So the function that writes the snapshot is called with the other choice.

#include <dlfcn.h>
#include <node_api.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

// v8::SnapshotCreator::CreateBlob(FunctionCodeHandling), v8-snapshot.h: what it returns and takes in registers.
#define CREATE_BLOB "_ZN2v815SnapshotCreator10CreateBlobENS0_20FunctionCodeHandlingE"
enum function_code_handling { CLEAR, KEEP };
struct startup_data {
  const char *data;
  int size;
};
typedef struct startup_data (*create_blob)(void *creator, enum function_code_handling handling);

// mov rax, ADDRESS; jmp rax
#define JUMP_SIZE 12
#define JUMP_ADDRESS 2
static const unsigned char jump_to[JUMP_SIZE] = {0x48, 0xb8, [10] = 0xff, 0xe0};

static create_blob original;
static unsigned char original_code[JUMP_SIZE];

static bool write_code(const unsigned char *code) {
  uintptr_t page_size = (uintptr_t)sysconf(_SC_PAGESIZE), from = (uintptr_t)original & -page_size;
  uintptr_t length = ((uintptr_t)original + JUMP_SIZE - from + page_size - 1) & -page_size;
  if (mprotect((void *)from, length, PROT_READ | PROT_WRITE | PROT_EXEC) < 0) return false;
  memcpy((void *)(uintptr_t)original, code, JUMP_SIZE);
  return mprotect((void *)from, length, PROT_READ | PROT_EXEC) == 0;
}

static struct startup_data create_with_code(void *creator, enum function_code_handling handling) {
  return original(creator, write_code(original_code) ? KEEP : handling);
}

// Without the function, or the right to change it, the module exports nothing.
NAPI_MODULE_INIT() {
  original = (create_blob)(uintptr_t)dlsym(RTLD_DEFAULT, CREATE_BLOB);
  if (!original) return NULL;
  unsigned char jump[JUMP_SIZE];
  const uintptr_t target = (uintptr_t)create_with_code;
  memcpy(original_code, (const void *)(uintptr_t)original, JUMP_SIZE);
  memcpy(jump, jump_to, JUMP_SIZE);
  memcpy(jump + JUMP_ADDRESS, &target, sizeof target);
  napi_value kept;
  if (!write_code(jump) || napi_get_boolean(env, true, &kept) != napi_ok) return NULL;
  napi_set_named_property(env, exports, "keepsCode", kept);
  return exports;
}
