// Entries of files.c and changes.c that the Gofer's threads use as well (transactions.c), with a scratch area of their own.
#ifndef RINGFENCE_FILES_H
#define RINGFENCE_FILES_H

#include "host.h"

int32_t rf_open_component(int32_t dir, int32_t flags);
int32_t rf_reopen(int32_t proc, int32_t fd, int32_t flags);
int32_t rf_readlink(int32_t fd);
int32_t rf_getdents(int32_t fd);
int32_t rf_fstatfs(int32_t fd);
int32_t rf_getxattr(int32_t proc, int32_t fd);
int32_t rf_listxattr(int32_t proc, int32_t fd);
int32_t rf_pread_scratch(int32_t fd, uint32_t offset, uint32_t length, double position);
double rf_seek(int32_t fd, double offset, int32_t whence);

int32_t rf_create(int32_t dir);
int32_t rf_mkdir(int32_t dir);
int32_t rf_mknod(int32_t dir, uint32_t type);
int32_t rf_symlink(int32_t dir);
int32_t rf_link(int32_t proc, int32_t fd, int32_t dir);
int32_t rf_unlink(int32_t dir, int32_t isDirectory);
int32_t rf_rename(int32_t dir, int32_t to, uint32_t flags);
int32_t rf_chown(int32_t fd, int32_t uid, int32_t gid);
int32_t rf_chmod(int32_t proc, int32_t fd, uint32_t mode);
int32_t rf_setxattr(int32_t proc, int32_t fd, uint32_t length, int32_t flags);
int32_t rf_removexattr(int32_t proc, int32_t fd);
int32_t rf_fsync(int32_t fd, int32_t dataOnly);

#endif
