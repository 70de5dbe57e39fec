#ifndef TESTS_SIMULATION_SIMULATION_H_
#define TESTS_SIMULATION_SIMULATION_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/simulation/executor_fleet.h"
#include "tests/simulation/simulated_coordinator.h"
#include "tests/simulation/simulated_worker.h"
#include "tests/simulation/world.h"

namespace penstock {

// One run of a whole cluster: the real Coordinator and real Agents, in one
// thread and invented time. The seed decides everything: how many there are of
// what, how bad network and machines are, and when what happens.
//
// First there are faults for some minutes. Then they stop, except that one
// machine may stay away for ever, and every job has to come to its end.
class ClusterSimulation {
 public:
  // `tracing` prints what happens.
  explicit ClusterSimulation(uint64_t seed, bool tracing = false);

  // Empty when all went well, else what did not.
  std::string Run();

 private:
  struct Job {
    JobSpec spec;
    bool submitted = false;  // The submission was answered.
    int calls = 0;           // Made on it so far; for request ids.
  };

  void DrawFaults();
  void DrawJobs();
  void ScheduleCoordinatorCrash();
  void ScheduleWorkerCrash(int worker);
  void SchedulePartition(int worker);
  void StopFaults();

  // Asks until it is answered, with pauses.
  void Ask(const std::string& request_id, const std::string& job,
           const SimulatedCoordinator::Call& call,
           const SimulatedCoordinator::Reply& reply);
  void Submit(Job& job);
  void Meddle(Job& job);
  void ResumePaused();
  ParallelismSpec DrawParallelism();
  bool AllFinal() const;
  void RunUntil(absl::Time end, bool stop_when_final);

  World world_;
  ExecutorFleet fleet_;
  SimulatedCoordinator coordinator_;
  std::vector<std::unique_ptr<SimulatedWorker>> workers_;
  int devices_ = 0;  // Of the workers that stay.
  int gone_ = -1;    // The worker that does not come back; -1 for none.
  bool faulty_ = true;
  std::map<std::string, Job> jobs_;
};

}  // namespace penstock

#endif  // TESTS_SIMULATION_SIMULATION_H_
