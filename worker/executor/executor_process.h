#ifndef WORKER_EXECUTOR_EXECUTOR_PROCESS_H_
#define WORKER_EXECUTOR_EXECUTOR_PROCESS_H_

namespace penstock {

// The whole life of an executor process: takes one assignment from the worker
// over the stream socket `fd`, prepares, trains, reports the end. Dies with its
// worker. Returns the process's exit code: 0 when the end was reported.
int RunExecutorProcess(int fd);

}  // namespace penstock

#endif  // WORKER_EXECUTOR_EXECUTOR_PROCESS_H_
