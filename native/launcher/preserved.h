// Descriptors of the caller that a guest's process gets beside its standard streams, by the same numbers
// (--preserve-fds N: 3 to N + 2).
#ifndef RINGFENCE_PRESERVED_H
#define RINGFENCE_PRESERVED_H

#define PRESERVED_FIRST 3
// One message must hold them, with standard streams and a waiter's channel (SCM_MAX_FD is 253).
#define PRESERVED_MAX 128

// The number in the flag's value, NULL: 0. Fails where it is none, or too large.
int preserved_read(const char *value);

// How many descriptors its caller hands on to the container by LISTEN_FDS and LISTEN_PID (sd_listen_fds(3)); they come
// before those of --preserve-fds.
int preserved_activation(void);

// Fails where one of them is not open. What the launcher starts does not inherit them.
void preserved_check(int count);

// Closes them: they are the guest's alone now, and whoever reads of one of them may see its end.
void preserved_release(int count);

#endif
