#ifndef WORKER_EXECUTOR_EXECUTOR_PROCESS_H_
#define WORKER_EXECUTOR_EXECUTOR_PROCESS_H_

#include <sys/types.h>

namespace penstock {

// The whole life of an executor process: takes one assignment from the worker
// over the stream socket `fd`, prepares, trains, reports the end. Dies with its
// worker, the process `parent`; any number may be a worker's, also 1. Returns
// the process's exit code: 0 when the end was reported.
int RunExecutorProcess(int fd, pid_t parent);

}  // namespace penstock

#endif  // WORKER_EXECUTOR_EXECUTOR_PROCESS_H_
