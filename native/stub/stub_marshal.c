// Copying arguments between guest memory and the data window, as the marshal table in the kernel
// page and the pieces in the slot say. Faults end a copy early; the kernel decides what that means.
#include "stub.h"

#define FAULTED 0x80000000u

static u64 argument(slot_t slot, u32 index) {
  static const u16 offset[8] = {RF_RDI, RF_RSI, RF_RDX, RF_R10, RF_R8, RF_R9, RF_R9, RF_R9};
  return get64(slot + offset[index & 7]);
}

static u64 address_of(slot_t slot, u32 piece) {
  u64 state;
  switch (piece & 7) {
  case RF_PIECE_CONTEXT:
    return get64(slot + RF_RSP);
  case RF_PIECE_FP_FORM: // the piece before is the context
    state = get64(slot + RF_WINDOW + offsetof(struct ucontext_, fpstate));
    return state ? state + FP_FORM : 0;
  default:
    return argument(slot, piece >> 3);
  }
}

static u32 copy_in(slot_t slot, u32 piece, u64 to, u64 capacity) {
  u64 from = address_of(slot, piece), length, left;
  if (from == 0) return 0;
  if (in_window(from)) return FAULTED;
  switch (piece & 7) {
  case RF_PIECE_CSTRING:
    if (capacity > RF_CSTRING_MAX) capacity = RF_CSTRING_MAX;
    length = stub_copy_string(to, from, capacity);
    return (u32)length | (length >> 63 ? FAULTED : 0);
  case RF_PIECE_BULK:
  case RF_PIECE_BUFFER: {
    u64 count = argument(slot, piece >> 6), shift = piece >> 9 & 15;
    if ((piece & 7) == RF_PIECE_BULK && count > capacity) return 0;
    length = count > capacity >> shift ? (capacity >> shift) << shift : count << shift;
    break;
  }
  case RF_PIECE_CONTEXT:
    length = sizeof(struct ucontext_);
    break;
  case RF_PIECE_FP_FORM:
    length = FP_FORM_SIZE;
    break;
  case RF_PIECE_FIXED:
    length = piece >> 6;
    break;
  default:
    return 0;
  }
  if (length > capacity) length = capacity;
  left = stub_copy(to, from, length);
  return (u32)(length - left) | (left ? FAULTED : 0);
}

// The kernel thread that a descriptor's calls go to. One that only moves bytes is not woken for a call that thread 0
// serves in the same time.
static u32 route_of(slot_t slot, u64 fd) {
  u64 chunk = slot & ~(u64)(RF_CHUNK_SIZE - 1);
  u32 thread = *(volatile u8 *)(chunk + RF_ROUTES + fd) % RF_KERNEL_THREADS_MAX;
  u32 movers = get32(RF_KERNEL_PAGE + RF_KP_MOVERS);
  if (thread == 0 || movers == 0 || thread < movers) return thread;
  u64 record = RF_KERNEL_PAGE + RF_KP_THREAD + thread * RF_KP_THREAD_STRIDE;
  return load32(record + RF_KP_SLEEPING) ? 0 : thread;
}

/* Copies the in pieces of system call nr to the window; returns the kernel thread to ring. */
u32 copy_in_pieces(slot_t slot, u64 nr) {
  put32(slot + RF_REQ_IN_LENGTH, 0);
  put32(slot + RF_REQ_IN_LENGTH + 4, 0);
  if (nr >= RF_KP_MARSHAL_COUNT) return 0;
  u64 entry = get64(RF_KERNEL_PAGE + RF_KP_MARSHAL + nr * 8);
  u32 first = entry & 0xffff, second = entry >> 16 & 0xffff;
  u64 capacity = second ? RF_WINDOW_SECOND - RF_WINDOW : RF_WINDOW_SIZE;
  if (first) put32(slot + RF_REQ_IN_LENGTH, copy_in(slot, first, slot + RF_WINDOW, capacity));
  if (second)
    put32(slot + RF_REQ_IN_LENGTH + 4, copy_in(slot, second, slot + RF_WINDOW_SECOND, RF_WINDOW_SECOND_SIZE));
  u64 fd = argument(slot, 0);
  if ((entry >> 40 & 0xff) == RF_ROUTE_FD && fd < RF_ROUTES_COUNT) return route_of(slot, fd);
  return entry >> 32 & 0xff;
}

/* Runs a copy round over the pieces in the slot; returns the bytes copied before the first fault. */
u64 copy_pieces(slot_t slot, u32 count, int to_guest) {
  u64 total = 0;
  for (u32 i = 0; i < count && i < RF_PIECES_MAX; i++) {
    u64 piece = slot + RF_PIECES + i * RF_PIECE_SIZE;
    u64 guest = get64(piece + RF_PIECE_ADDR), window = slot + get32(piece + RF_PIECE_OFFSET);
    u64 length = get32(piece + RF_PIECE_LENGTH);
    u64 left = to_guest ? stub_copy(guest, window, length) : stub_copy(window, guest, length);
    total += length - left;
    if (left) break;
  }
  return total;
}
