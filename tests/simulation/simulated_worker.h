#ifndef TESTS_SIMULATION_SIMULATED_WORKER_H_
#define TESTS_SIMULATION_SIMULATED_WORKER_H_

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "proto/worker_report.h"
#include "tests/simulation/executor_fleet.h"
#include "tests/simulation/world.h"
#include "worker/agent/agent.h"

namespace penstock {

// The worker's shell in invented time: carries out what the real Agent says.
class SimulatedWorker {
 public:
  // Takes a report to the coordinator.
  using SendReport = std::function<void(const WorkerReport&)>;

  SimulatedWorker(World& world, ExecutorFleet& fleet, std::string name,
                  int devices, SendReport send_report);

  // Begins a new incarnation of the process.
  void Start();
  // Ends the process and its executors, without a word.
  void Crash();
  // The messages from it, to it, or both are lost for so long.
  void CutOff(absl::Duration duration, bool reports, bool answers) {
    const absl::Time until = world_.events.now() + duration;
    if (reports) no_reports_until_ = until;
    if (answers) no_answers_until_ = until;
  }
  bool reports_pass() const { return world_.events.now() >= no_reports_until_; }
  bool is_up() const { return agent_ != nullptr; }

  void OnInstruction(Incarnation incarnation,
                     const WorkerInstruction& instruction);
  // The coordinator refused a report.
  void OnRefusal(Incarnation incarnation, const absl::Status& status);

 private:
  void CarryOut(const AgentCommand& command);
  void Pump();

  World& world_;
  ExecutorFleet& fleet_;
  const std::string name_;
  const int device_count_;
  const SendReport send_report_;
  Incarnation incarnation_ = 0;
  std::unique_ptr<Agent> agent_;  // Null while the process is down.
  std::map<int, int> executors_;  // Device -> number of its process.
  uint64_t timer_ = 0;            // The newest; older ones do nothing.
  absl::Time no_reports_until_ = absl::InfinitePast();
  absl::Time no_answers_until_ = absl::InfinitePast();
};

}  // namespace penstock

#endif  // TESTS_SIMULATION_SIMULATED_WORKER_H_
