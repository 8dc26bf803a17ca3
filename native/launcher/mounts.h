// What the sandbox's mount namespaces look like, and the trees of files that it is given. Called by init, and by who makes
// what the waiter shows, inside the new namespaces, or by a launcher that may mount.
#ifndef RINGFENCE_MOUNTS_H
#define RINGFENCE_MOUNTS_H

#include <stdbool.h>

#include "spec.h"

// Nothing that is mounted here or on the host from now on shows on the other side.
void mounts_make_private(void);

// The launcher goes on in a mount namespace of its own, in which nothing shows on the host, and comes back with everything as it
// was, if it has left; mounts are open beyond that.
void mounts_separate(void);
void mounts_return(void);

// A detached mount of proc for this PID namespace, as an O_PATH descriptor. It must be made while the
// host's own /proc is still in view: the kernel refuses a proc that would show more than that one.
int mounts_detached_proc(void);

// A detached copy of the host's files from `path` on (all mounts below with `recursive`, else as few as the
// host allows): nosuid, nodev, apart from the host's later mounts, read-only unless `writable`.
int mounts_detached_tree(const char *path, bool recursive, bool writable);

// The same; -1 with errno where that cannot be had.
int mounts_try_tree(const char *path, bool recursive, bool writable);

// Mounts a detached tree at an open place. Returns -1 with errno.
int mounts_attach(int tree, int place);

// Makes the working directory, which is the root of a mount, the root of this mount namespace and of all processes whose
// root was the old one; nothing else stays in view.
void mounts_make_root(void);

// What a container shows of the host's files: its root, and its bind mounts in their order.
struct trees {
  int root;
  int *binds;
};

// Opens them. With mounts whose ids are mapped it takes privilege over the file systems that they show.
struct trees mounts_trees(const struct spec *spec, bool root_writable);

// Whether the caller may mount, in his own mount namespace.
bool mounts_may(void);

// Whether that is the launcher's to do: where the container has other ids than its caller, in directories on the way to
// whose files the sandbox is nobody, if he may mount; and where a mount maps ids.
bool mounts_by_launcher(const struct spec *spec);

// Covers a directory with an empty one; a path that is none is left alone.
void mounts_hide(const char *path);

// A detached copy of the host's whole tree, without devices and set-id programs; read-only unless the
// guest is to change the host's files, so that the host kernel itself refuses every write through it. /proc,
// /sys and /dev are empty in it.
int mounts_detached_host(bool writable);

// Makes `directory` the read-only root of this mount namespace, with nothing else mounted yet. `node`: the Node that is to be
// found in it, where that is elsewhere, or NULL. Such a directory comes from a package, which cannot hold empty ones: its
// directory `empty` is covered.
void mounts_enter(const char *directory, const char *node);

// Attaches that proc at /proc of the sandbox's directory. V8 reads there which file its own code lies in, to map it
// a second time; else it makes a copy, two megabytes for each sandbox. Out of reach once the root has changed again.
void mounts_show_proc(int proc);

#endif
