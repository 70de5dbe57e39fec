#ifndef COORDINATOR_SERVICE_OBSERVATIONS_H_
#define COORDINATOR_SERVICE_OBSERVATIONS_H_

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/storage/journal.h"
#include "proto/log_line.h"
#include "proto/metrics.h"
#include "proto/plan.h"
#include "proto/worker_report.h"

namespace penstock {

// What executors tell of a job for people to read: metrics and log lines, kept
// in the journal, and traces of the newest steps, kept in memory. Nothing is
// decided by it.
//
// Thread-compatible: its owner's lock guards it, as the journal's.
class Observations {
 public:
  static constexpr int kTraceStepsKept = 16;
  static constexpr size_t kLogTextMax = 4096;  // Bytes; the rest is cut off.

  // The journal must outlive this.
  explicit Observations(Journal& journal) : journal_(journal) {}

  // Takes in what the device reports while it executes `assignment`.
  //
  // Errors: the journal's; nothing of the kind that failed was kept, and the
  // device sends metrics again.
  absl::Status Add(const Assignment& assignment, const DeviceReport& report);

  // A line of the coordinator's own. Errors: the journal's; it is lost then.
  absl::Status AddLog(const std::string& job, const LogLine& line);

  // Step of the last metrics kept of this plan of the job; 0 before the first,
  // also after a restart: then the device repeats what it still has.
  int64_t AcknowledgedStep(const Assignment& assignment) const;

  // The first metrics after `after_step`, by step, at most 256; lines as
  // Journal::ReadLogs. Errors: the journal's.
  absl::StatusOr<std::vector<StepMetrics>> Metrics(const std::string& job,
                                                   int64_t after_step) const;
  absl::StatusOr<std::vector<StoredLogLine>> Logs(const std::string& job,
                                                  int64_t after_sequence) const;
  // Of the newest `steps` steps that every rank of the current plan has sent or
  // may still send, by step, replica and rank; all that are kept when 0.
  std::vector<StepTrace> Traces(const std::string& job, int steps) const;

 private:
  struct JobObservations {
    uint64_t epoch = 0;  // That the following belong to.
    int64_t acknowledged_step = 0;
    std::map<int64_t, std::vector<StepTrace>> traces;  // By step.
  };

  JobObservations& Of(const Assignment& assignment);
  static void AddTrace(JobObservations& job, const StepTrace& trace);

  Journal& journal_;
  std::map<std::string, JobObservations> jobs_;
};

}  // namespace penstock

#endif  // COORDINATOR_SERVICE_OBSERVATIONS_H_
