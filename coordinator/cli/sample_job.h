#ifndef COORDINATOR_CLI_SAMPLE_JOB_H_
#define COORDINATOR_CLI_SAMPLE_JOB_H_

#include "proto/v1/jobs.pb.h"
#include "proto/v1/workers.pb.h"

namespace penstock {

// A job of two ranks that trains, as the coordinator would describe it at
// noon on 2026-01-31; for tests of what is printed.
v1::Job SampleJob();

// Of the job's step `step`.
v1::StepMetrics SampleMetrics(int64_t step);

// Of step 180, one trace per rank, and the planned step.
v1::GetTraceResponse SampleTrace();

// worker-0 works for the job, worker-1 drains, worker-2 is gone.
v1::ListWorkersResponse SampleWorkers();

}  // namespace penstock

#endif  // COORDINATOR_CLI_SAMPLE_JOB_H_
