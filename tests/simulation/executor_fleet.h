#ifndef TESTS_SIMULATION_EXECUTOR_FLEET_H_
#define TESTS_SIMULATION_EXECUTOR_FLEET_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "proto/communicator.h"
#include "proto/plan.h"
#include "tests/simulation/world.h"
#include "worker/agent/agent.h"

namespace penstock {

// All executor processes of the world, and the storage with their checkpoints.
// They load for a while, make steps in lockstep with their peers, and crash.
//
// Checks on the processes, whatever coordinator and workers believe:
//  - all of one job that have not been killed have one epoch, and each its own
//    rank;
//  - a step is made only together with every rank of the epoch;
//  - their communicators are those that their neighbours in that epoch made;
//  - they start only from checkpoints that are complete;
//  - each holds every revision of its plan that they turn to.
class ExecutorFleet {
 public:
  using Report = std::function<void(const ExecutorEvent&)>;

  explicit ExecutorFleet(World& world) : world_(world) {}

  // Begins a process that tells `report` what happens to it. Returns its
  // number, which is never used again.
  int Start(const StartExecutor& start, Report report);
  void Run(int number, const std::vector<std::string>& peers,
           const std::vector<CommunicatorId>& communicators);
  void Pause(int number);
  void Revise(int number, const std::shared_ptr<const Plan>& plan);
  // Asked for by the worker: ends after a moment and reports that.
  void Kill(int number);
  // With its machine: ends at once without a word.
  void Destroy(int number);

  bool IsStored(const std::string& checkpoint) const {
    return stored_.contains(checkpoint);
  }
  static std::string CheckpointName(const std::string& job, int64_t step);

 private:
  enum class State { kLoading, kReady, kRunning, kFinished };
  struct Process {
    Assignment assignment;
    std::shared_ptr<const Plan> plan;
    Report report;
    State state = State::kLoading;
    bool alive = true;
    bool killed = false;
    Progress progress;
    int64_t stop_step = 0;  // After which it finishes.
    uint64_t held = 0;      // The newest revision of the plan.
    std::vector<int> peers;
  };

  bool Leads(const Process& process) const;
  void OnLoaded(int number);
  void TryStep(int number);
  void MakeStep(int number, Process& process);
  void Fail(int number, const absl::Status& status);
  void Exit(int number, const std::string& how);
  // Whether every peer has made at least `step` steps. Fails the process when
  // one is gone.
  bool PeersHaveMade(int number, int64_t step);
  void TurnToRevision(Process& process);
  void CheckPeers(const Process& process);
  std::vector<CommunicatorId> MakeCommunicators(int number) const;
  void CheckCommunicators(const Process& process,
                          const std::vector<CommunicatorId>& communicators);
  void CheckExclusive(const std::string& job);
  void StoreCheckpoint(Process& leader);
  void ScheduleCrash(int number);

  World& world_;
  std::map<int, Process> processes_;
  std::map<std::string, std::vector<int>> alive_of_job_;
  std::set<std::string> stored_;
  // After a step of an epoch of a job, as its leader decided.
  std::map<std::tuple<std::string, uint64_t, int64_t>, uint64_t> revisions_;
};

}  // namespace penstock

#endif  // TESTS_SIMULATION_EXECUTOR_FLEET_H_
