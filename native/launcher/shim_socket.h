// The socket that containerd talks to a shim by, and the file that says where it is: unix://PATH. Sockets have drawn names
// in a directory of their own, since bundles' paths are longer than sockets' may be (unix(7)).
#ifndef RINGFENCE_SHIM_SOCKET_H
#define RINGFENCE_SHIM_SOCKET_H

#include <stdbool.h>

#define SHIM_ADDRESS_MAX 128

// A listening socket; its address in `address`.
int shim_socket_make(char address[SHIM_ADDRESS_MAX]);

// The address in a file, if somebody listens there.
bool shim_socket_alive(const char *file, char address[SHIM_ADDRESS_MAX]);

// Writes an address to a file, whole or not at all.
void shim_socket_note(const char *file, const char *address);

// Removes the socket whose address is in the file, where nobody listens at it any more.
void shim_socket_forget(const char *file);

#endif
