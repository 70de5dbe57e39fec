#include "tests/simulation/executor_fleet.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "fmt/format.h"

namespace penstock {
namespace {

constexpr absl::Duration kStepTime = absl::Milliseconds(400);
constexpr absl::Duration kPollTime = absl::Milliseconds(150);
constexpr absl::Duration kExitTimeMax = absl::Milliseconds(50);

}  // namespace

std::string ExecutorFleet::CheckpointName(const std::string& job,
                                          int64_t step) {
  return fmt::format("{}/step-{}", job, step);
}

bool ExecutorFleet::Leads(const Process& process) const {
  return process.assignment.replica == 0 && process.assignment.rank == 0;
}

int ExecutorFleet::Start(const StartExecutor& start, Report report) {
  const int number = static_cast<int>(processes_.size()) + 1;
  const StartPoint& from = start.plan->start;
  Process& process = processes_[number];
  process.assignment = start.assignment;
  process.plan = start.plan;
  process.report = std::move(report);
  process.progress.step = from.step;
  process.progress.revision = start.plan->revision;
  process.held = start.plan->revision;
  process.progress.checkpoint = from.checkpoint;
  process.progress.checkpoint_step = from.step;
  process.stop_step = start.plan->spec.steps;
  world_.Trace(fmt::format("executor {} starts {} from step {}", number,
                           ToString(start.assignment), from.step));
  if (from.checkpoint.empty()
          ? from.step != 0
          : !IsStored(from.checkpoint) ||
                from.checkpoint !=
                    CheckpointName(start.assignment.job, from.step)) {
    world_.Violate(fmt::format("{} starts from '{}', which is not complete",
                               ToString(start.assignment), from.checkpoint));
  }
  alive_of_job_[start.assignment.job].push_back(number);
  CheckExclusive(start.assignment.job);
  world_.events.After(world_.Draw(world_.faults.start_max),
                      [this, number] { OnLoaded(number); });
  ScheduleCrash(number);
  return number;
}

void ExecutorFleet::CheckExclusive(const std::string& job) {
  std::set<std::pair<int, int>> ranks;
  std::set<uint64_t> epochs;
  size_t count = 0;
  for (const int number : alive_of_job_[job]) {
    const Process& process = processes_.at(number);
    if (process.killed) continue;
    ++count;
    ranks.insert({process.assignment.replica, process.assignment.rank});
    epochs.insert(process.assignment.epoch);
  }
  if (epochs.size() > 1) {
    world_.Violate(fmt::format("executors of epochs {} and {} of job '{}' live",
                               *epochs.begin(), *epochs.rbegin(), job));
  } else if (ranks.size() != count) {
    world_.Violate(fmt::format("two executors of one rank of '{}' live", job));
  }
}

void ExecutorFleet::OnLoaded(int number) {
  Process& process = processes_.at(number);
  if (!process.alive || process.state != State::kLoading) return;
  if (world_.Chance(world_.faults.start_failure)) {
    const bool lasting = world_.Chance(world_.faults.lasting);
    return Fail(number, lasting ? absl::InvalidArgumentError("bad tokens")
                                : absl::InternalError("did not start"));
  }
  process.state = State::kReady;
  process.report(
      ExecutorReady{fmt::format("{}", number), MakeCommunicators(number)});
}

// An edge to and from the next rank; the ids tell who made them.
std::vector<CommunicatorId> ExecutorFleet::MakeCommunicators(int number) const {
  const Process& process = processes_.at(number);
  const auto pipeline =
      static_cast<int>(process.plan->spec.parallelism.pipeline);
  if (process.assignment.rank + 1 == pipeline) return {};
  const int self =
      process.assignment.replica * pipeline + process.assignment.rank;
  CommunicatorId next{.communicator = {.members = {self, self + 1}}};
  std::memcpy(next.id.data(), &number, sizeof(number));
  CommunicatorId back = next;
  back.communicator.members = {self + 1, self};
  return {next, back};
}

void ExecutorFleet::CheckCommunicators(
    const Process& process, const std::vector<CommunicatorId>& communicators) {
  const auto pipeline =
      static_cast<int>(process.plan->spec.parallelism.pipeline);
  const int self =
      process.assignment.replica * pipeline + process.assignment.rank;
  int edges = 0;
  for (const CommunicatorId& id : communicators) {
    int maker = 0;
    std::memcpy(&maker, id.id.data(), sizeof(maker));
    const std::vector<int>& members = id.communicator.members;
    edges += members[0] == self || members[1] == self ? 1 : 0;
    // The peers were found to be of this epoch.
    if (process.peers[LowestMember(id.communicator)] != maker) edges = -1;
    if (edges < 0) break;
  }
  const int neighbours = (process.assignment.rank > 0 ? 1 : 0) +
                         (process.assignment.rank + 1 < pipeline ? 1 : 0);
  if (edges != 2 * neighbours) {
    world_.Violate(fmt::format("{} was given wrong communicators",
                               ToString(process.assignment)));
  }
}

void ExecutorFleet::Run(int number, const std::vector<std::string>& peers,
                        const std::vector<CommunicatorId>& communicators) {
  Process& process = processes_.at(number);
  if (!process.alive || process.state != State::kReady) return;
  process.state = State::kRunning;
  for (const std::string& peer : peers) {
    process.peers.push_back(std::stoi(peer));
  }
  CheckPeers(process);
  CheckCommunicators(process, communicators);
  TryStep(number);
}

void ExecutorFleet::CheckPeers(const Process& process) {
  const ParallelismSpec& shape = process.plan->spec.parallelism;
  bool right =
      static_cast<int64_t>(process.peers.size()) == shape.pipeline * shape.data;
  for (size_t i = 0; right && i < process.peers.size(); ++i) {
    const int pipeline = static_cast<int>(shape.pipeline);
    const Assignment expected{process.assignment.job, process.assignment.epoch,
                              static_cast<int>(i) / pipeline,
                              static_cast<int>(i) % pipeline};
    right = processes_.at(process.peers[i]).assignment == expected;
  }
  if (!right) {
    world_.Violate(
        fmt::format("{} was given wrong peers", ToString(process.assignment)));
  }
}

bool ExecutorFleet::PeersHaveMade(int number, int64_t step) {
  bool all = true;
  for (const int peer : processes_.at(number).peers) {
    const Process& other = processes_.at(peer);
    if (!other.alive && other.state != State::kFinished) {
      Fail(number,
           absl::UnavailableError(fmt::format("peer {} is gone", peer)));
      return false;
    }
    const bool takes_part =
        other.state == State::kRunning || other.state == State::kFinished;
    all = all && takes_part && other.progress.step >= step;
  }
  return all;
}

void ExecutorFleet::TryStep(int number) {
  Process& process = processes_.at(number);
  if (!process.alive || process.killed || process.state != State::kRunning) {
    return;
  }
  const bool together = PeersHaveMade(number, process.progress.step);
  if (process.alive && together) MakeStep(number, process);
  if (!process.alive || process.state != State::kRunning) return;
  world_.events.After(together ? kStepTime : kPollTime,
                      [this, number] { TryStep(number); });
}

void ExecutorFleet::MakeStep(int number, Process& process) {
  const int64_t every = process.plan->spec.checkpoint.every_steps;
  if (Leads(process) && (process.progress.step >= process.stop_step ||
                         (every > 0 && process.progress.step % every == 0))) {
    StoreCheckpoint(process);
  }
  if (process.progress.step >= process.stop_step) {
    process.state = State::kFinished;
    process.report(ExecutorFinished{process.progress});
    world_.events.After(world_.Draw(kExitTimeMax),
                        [this, number] { Exit(number, "exited with 0"); });
    return;
  }
  ++process.progress.step;
  TurnToRevision(process);
  process.report(ExecutorProgress{process.progress});
  if (Leads(process)) {
    process.report(ExecutorMetrics{{.step = process.progress.step}});
  }
}

void ExecutorFleet::Revise(int number,
                           const std::shared_ptr<const Plan>& plan) {
  Process& process = processes_.at(number);
  if (!process.alive) return;
  if (plan->revision != process.held + 1) {
    world_.Violate(fmt::format("{} holds revision {} and is given {}",
                               ToString(process.assignment), process.held,
                               plan->revision));
  }
  process.held = plan->revision;
}

// At the end of a step, to the newest revision that all of them hold.
void ExecutorFleet::TurnToRevision(Process& process) {
  uint64_t least = process.held;
  for (const int peer : process.peers) {
    least = std::min(least, processes_.at(peer).held);
  }
  const uint64_t decided =
      revisions_
          .try_emplace({process.assignment.job, process.assignment.epoch,
                        process.progress.step},
                       least)
          .first->second;
  if (decided > process.held || decided < process.progress.revision) {
    world_.Violate(fmt::format("{} holds revision {} and turns from {} to {}",
                               ToString(process.assignment), process.held,
                               process.progress.revision, decided));
  }
  process.progress.revision = decided;
}

// All ranks have made the step, or the leader would not be here.
void ExecutorFleet::StoreCheckpoint(Process& leader) {
  const int64_t step = leader.progress.step;
  if (step == 0) return;
  leader.progress.checkpoint = CheckpointName(leader.assignment.job, step);
  leader.progress.checkpoint_step = step;
  stored_.insert(leader.progress.checkpoint);
}

void ExecutorFleet::Pause(int number) {
  Process& leader = processes_.at(number);
  if (!leader.alive || leader.state != State::kRunning || !Leads(leader)) {
    return;
  }
  int64_t stop = 0;
  for (const int peer : leader.peers) {
    stop = std::max(stop, processes_.at(peer).progress.step + 1);
  }
  stop = std::min(stop, leader.stop_step);
  for (const int peer : leader.peers) processes_.at(peer).stop_step = stop;
}

void ExecutorFleet::Kill(int number) {
  Process& process = processes_.at(number);
  if (process.killed) world_.Violate("an executor was killed twice");
  process.killed = true;
  world_.Trace(fmt::format("executor {} is killed", number));
  world_.events.After(world_.Draw(kExitTimeMax),
                      [this, number] { Exit(number, "killed by signal 9"); });
}

void ExecutorFleet::Fail(int number, const absl::Status& status) {
  Process& process = processes_.at(number);
  world_.Trace(fmt::format("executor {} fails: {}", number, status.ToString()));
  process.report(ExecutorFailed{status});
  process.state = State::kLoading;  // Takes no part in steps any more.
  Exit(number, "exited with 1");
}

void ExecutorFleet::Destroy(int number) {
  Process& process = processes_.at(number);
  process.alive = false;
  std::erase(alive_of_job_[process.assignment.job], number);
}

void ExecutorFleet::Exit(int number, const std::string& how) {
  if (!processes_.at(number).alive) return;
  Destroy(number);
  processes_.at(number).report(ExecutorExited{how});
}

void ExecutorFleet::ScheduleCrash(int number) {
  const absl::Duration delay =
      world_.DrawExponential(world_.faults.executor_crash_mean);
  if (delay == absl::InfiniteDuration()) return;
  world_.events.After(delay, [this, number] {
    const Process& process = processes_.at(number);
    // Faults may have stopped since.
    if (!process.alive || process.state == State::kFinished ||
        world_.faults.executor_crash_mean == absl::InfiniteDuration()) {
      return;
    }
    if (world_.Chance(0.5)) return Exit(number, "killed by signal 11");
    Fail(number, world_.Chance(world_.faults.lasting)
                     ? absl::DataLossError("damaged tokens")
                     : absl::InternalError("it went wrong"));
  });
}

}  // namespace penstock
