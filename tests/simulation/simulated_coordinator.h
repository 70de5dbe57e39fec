#ifndef TESTS_SIMULATION_SIMULATED_COORDINATOR_H_
#define TESTS_SIMULATION_SIMULATED_COORDINATOR_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "coordinator/core/coordinator.h"
#include "proto/worker_report.h"
#include "tests/simulation/executor_fleet.h"
#include "tests/simulation/world.h"

namespace penstock {

// The coordinator's shell in invented time: the real Coordinator, a journal
// that survives crashes, and answers that wait for it. What was decided but not
// yet journalled at a crash is lost, with its answers.
//
// Checks what leaves the core: final jobs stay as they are; revisions and
// epochs only grow; steps go back only with a new epoch; a job has succeeded
// only with its last checkpoint; a request that is journalled has no effect
// when it is repeated.
class SimulatedCoordinator {
 public:
  using Answer =
      std::function<void(const absl::StatusOr<WorkerInstruction>& answer)>;
  // A mutating call, made of the core at a time.
  using Call = std::function<absl::StatusOr<JobView>(Coordinator&, absl::Time)>;
  using Reply = std::function<void(const absl::StatusOr<JobView>& reply)>;

  SimulatedCoordinator(World& world, const ExecutorFleet& fleet)
      : world_(world), fleet_(fleet) {}

  void Start();
  void Crash();
  bool is_up() const { return core_ != nullptr; }
  // Which run of the process. Messages to an earlier one are lost with its
  // connections.
  int life() const { return life_; }

  void OnReport(int life, const WorkerReport& report, const Answer& answer);
  void OnRequest(int life, const std::string& request_id,
                 const std::string& job, const Call& call, const Reply& reply);

  // As the journal has them.
  const std::map<std::string, JobRecord>& journal() const { return journal_; }

 private:
  struct Batch {
    Changes changes;
    std::function<void()> release;
  };

  void Release(std::function<void()> release);
  void Flush();
  void Check(const JobRecord& record);
  void StoreMetrics(const WorkerReport& report, WorkerInstruction& instruction);
  void ScheduleTick();
  void RevisePlans();

  World& world_;
  const ExecutorFleet& fleet_;
  std::unique_ptr<Coordinator> core_;  // Null while the process is down.
  int life_ = 0;
  std::map<std::string, JobRecord> journal_;
  // Jobs as last seen from outside, by this life or in the journal.
  std::map<std::string, JobRecord> seen_;
  std::map<std::string, int64_t> metrics_;  // Of each job, the last step's.
  std::deque<Batch> unflushed_;
  uint64_t tick_ = 0;
};

}  // namespace penstock

#endif  // TESTS_SIMULATION_SIMULATED_COORDINATOR_H_
