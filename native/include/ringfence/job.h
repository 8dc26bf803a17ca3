// The record of a host call that one of the Gofer's threads makes (native/host/jobs.c), as C and TypeScript
// (src/workers/gofer/job_record.ts) both see it. It lies in memory of the sandbox process that no stub maps. Until the job
// is submitted, and again when its state says DONE, it is the kernel thread's; between that its thread's.
#ifndef RINGFENCE_JOB_H
#define RINGFENCE_JOB_H

#include <stdint.h>
#include <sys/stat.h>

// Threads, those for hosts that may not answer first, then those for local disks; and jobs that each of them may have been
// given: those that wait for it lie elsewhere.
#define RF_JOB_REMOTE_LANES 8
#define RF_JOB_LANES 12
#define RF_JOBS_A_LANE 4
#define RF_JOB_DATA_SIZE 65536

enum job_state { JOB_FREE, JOB_QUEUED, JOB_RUNNING, JOB_DONE };

// What setattr sets.
#define RF_SET_MODE 1
#define RF_SET_UID 2
#define RF_SET_GID 4
#define RF_SET_SIZE 8
#define RF_SET_TIMES 16

// What a look-up says of a name where another mount of the host's begins: it has gone there, or not.
#define RF_CROSSING_ENTERED 1
#define RF_CROSSING_LEFT 2

// Who owns a file that the host shows as nobody's: asked for, and found to be somebody who is not mapped.
#define RF_OWNER_ASKED 1
#define RF_OWNER_UNMAPPED 2

struct job {
  uint32_t state;
  uint32_t operation;
  int32_t result; // a value, or a negative errno
  int32_t second; // what else the operation gives
  double value;   // a result that passes 2^31
  int32_t a, b, c, d, e;
  uint32_t length;
  double position;
  uint32_t type; // f_type of the file system that a look-up has come to
  uint32_t owner;
  struct stat stat;         // of the file, where the operation looks at it
  struct timespec times[2]; // setattr
  uint8_t reserved[16];
  // Names as changes.c has them in the scratch area, or contents.
  uint8_t data[RF_JOB_DATA_SIZE];
};

// What threads do, by number: the order of the table in transactions.c.
enum job_operation {
  JOB_LOOKUP,
  JOB_STAT,
  JOB_REOPEN,
  JOB_READLINK,
  JOB_GETXATTR,
  JOB_LISTXATTR,
  JOB_OPEN_DIRECTORY,
  JOB_GETDENTS,
  JOB_STATFS,
  JOB_READ,
  JOB_WRITE,
  JOB_FSYNC,
  JOB_SEEK,
  JOB_ALLOCATE,
  JOB_CLOSE,
  JOB_MAKE,
  JOB_TMPFILE,
  JOB_LINK,
  JOB_UNLINK,
  JOB_RENAME,
  JOB_SETATTR,
  JOB_SETXATTR,
  JOB_REMOVEXATTR,
  JOB_OPERATIONS
};

// Does a job, on the calling thread (transactions.c).
void rf_job_run(struct job *job);

#endif
