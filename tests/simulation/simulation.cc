#include "tests/simulation/simulation.h"

#include <algorithm>
#include <utility>

#include "fmt/format.h"

namespace penstock {
namespace {

constexpr absl::Duration kFaultyTime = absl::Seconds(100);
// Every job could be restarted from its start some times, one after the other.
constexpr absl::Duration kPatience = absl::Seconds(600);

constexpr int kEventsAtOneInstantMax = 10000;

}  // namespace

ClusterSimulation::ClusterSimulation(uint64_t seed, bool tracing)
    : world_(seed), fleet_(world_), coordinator_(world_, fleet_) {
  world_.tracing = tracing;
  DrawFaults();
  const int workers = 2 + static_cast<int>(world_.random.Below(6));
  if (world_.Chance(0.3)) gone_ = 0;
  for (int i = 0; i < workers; ++i) {
    const int devices = 1 + static_cast<int>(world_.random.Below(2));
    if (i != gone_) devices_ += devices;
    workers_.push_back(std::make_unique<SimulatedWorker>(
        world_, fleet_, fmt::format("w{}", i), devices,
        [this, i](const WorkerReport& report) {
          const int life = coordinator_.life();
          world_.Send([this, i, life, report] {
            if (!workers_[i]->reports_pass()) return;
            coordinator_.OnReport(
                life, report,
                [this, i, incarnation = report.incarnation](
                    const absl::StatusOr<WorkerInstruction>& answer) {
                  if (answer.status().code() == absl::StatusCode::kAborted) {
                    return;
                  }
                  world_.Send([this, i, incarnation, answer] {
                    if (answer.ok()) {
                      workers_[i]->OnInstruction(incarnation, *answer);
                    } else {
                      workers_[i]->OnRefusal(incarnation, answer.status());
                    }
                  });
                });
          });
        }));
  }
  DrawJobs();
}

// Swarm testing (Groce et al. 2012): each kind of fault is left out in some
// runs, so that it cannot hide what needs another one alone.
void ClusterSimulation::DrawFaults() {
  Faults& faults = world_.faults;
  const auto mean = [this](absl::Duration least, absl::Duration most) {
    return world_.Chance(0.4) ? absl::InfiniteDuration()
                              : least + world_.Draw(most - least);
  };
  if (world_.Chance(0.7)) faults.loss = 0.4 * world_.random.Uniform();
  if (world_.Chance(0.5)) faults.duplication = 0.3 * world_.random.Uniform();
  if (world_.Chance(0.4)) faults.delay_max = world_.Draw(absl::Seconds(8));
  if (world_.Chance(0.7)) faults.slow = 0.5 * world_.random.Uniform();
  faults.partition_mean = mean(absl::Seconds(5), absl::Seconds(40));
  faults.worker_crash_mean = mean(absl::Seconds(15), absl::Seconds(120));
  faults.coordinator_crash_mean = mean(absl::Seconds(5), absl::Seconds(60));
  faults.executor_crash_mean = mean(absl::Seconds(5), absl::Seconds(60));
  if (world_.Chance(0.5)) faults.start_max = world_.Draw(absl::Seconds(15));
  if (world_.Chance(0.5)) faults.start_failure = 0.4 * world_.random.Uniform();
  if (world_.Chance(0.2)) faults.lasting = 0.2;
  if (world_.Chance(0.5)) faults.flush_max = world_.Draw(absl::Seconds(1));
}

ParallelismSpec ClusterSimulation::DrawParallelism() {
  // Mostly several ranks, for one may fail while the order of another is still
  // on its way; and with room to spare, for the next epoch to begin elsewhere.
  const auto draw = [this](int64_t least, int64_t most) {
    return least + static_cast<int64_t>(world_.random.Below(
                       std::max<int64_t>(most - least, 0) + 1));
  };
  const int devices = world_.Chance(0.2) ? devices_ : (2 * devices_ + 2) / 3;
  ParallelismSpec parallelism;
  parallelism.pipeline =
      draw(std::min(devices, world_.Chance(0.8) ? 2 : 1), std::min(devices, 3));
  parallelism.data =
      draw(1, std::min<int64_t>(2, devices / parallelism.pipeline));
  return parallelism;
}

void ClusterSimulation::DrawJobs() {
  const int count = 1 + static_cast<int>(world_.random.Below(3));
  for (int i = 0; i < count; ++i) {
    const std::string name = fmt::format("job{}", i);
    Job& job = jobs_[name];
    job.spec.name = name;
    job.spec.parallelism = DrawParallelism();
    if (i != 1) job.spec.parallelism.schedule = "auto";
    job.spec.steps = 1 + static_cast<int64_t>(world_.random.Below(80));
    job.spec.checkpoint.every_steps =
        static_cast<int64_t>(world_.random.Below(12));
  }
}

void ClusterSimulation::ScheduleCoordinatorCrash() {
  const absl::Duration delay =
      world_.DrawExponential(world_.faults.coordinator_crash_mean);
  if (delay == absl::InfiniteDuration()) return;
  world_.events.After(delay, [this] {
    if (!faulty_) return;
    coordinator_.Crash();
    world_.events.After(world_.Draw(absl::Seconds(20)), [this] {
      coordinator_.Start();
      ScheduleCoordinatorCrash();
    });
  });
}

void ClusterSimulation::ScheduleWorkerCrash(int worker) {
  const absl::Duration delay =
      world_.DrawExponential(world_.faults.worker_crash_mean);
  if (delay == absl::InfiniteDuration()) return;
  world_.events.After(delay, [this, worker] {
    if (!faulty_ || !workers_[worker]->is_up()) return;
    workers_[worker]->Crash();
    world_.events.After(world_.Draw(absl::Seconds(20)), [this, worker] {
      workers_[worker]->Start();
      ScheduleWorkerCrash(worker);
    });
  });
}

void ClusterSimulation::SchedulePartition(int worker) {
  const absl::Duration delay =
      world_.DrawExponential(world_.faults.partition_mean);
  if (delay == absl::InfiniteDuration()) return;
  world_.events.After(delay, [this, worker] {
    if (!faulty_) return;
    const uint64_t direction = world_.random.Below(3);
    workers_[worker]->CutOff(world_.Draw(absl::Seconds(30)),
                             /*reports=*/direction != 1,
                             /*answers=*/direction != 2);
    SchedulePartition(worker);
  });
}

void ClusterSimulation::StopFaults() {
  world_.Trace("faults stop");
  faulty_ = false;
  world_.faults = {};
  coordinator_.Start();
  for (int i = 0; i < static_cast<int>(workers_.size()); ++i) {
    workers_[i]->CutOff(absl::ZeroDuration(), true, true);
    if (i != gone_) {
      workers_[i]->Start();
    } else if (workers_[i]->is_up()) {
      workers_[i]->CutOff(absl::InfiniteDuration(), true, true);
    }
  }
  ResumePaused();
}

void ClusterSimulation::Ask(const std::string& request_id,
                            const std::string& job,
                            const SimulatedCoordinator::Call& call,
                            const SimulatedCoordinator::Reply& reply) {
  auto answered = std::make_shared<bool>(false);
  // Keeps itself alive by the events that hold it.
  auto attempt = std::make_shared<std::function<void()>>();
  *attempt = [this, request_id, job, call, reply, answered,
              weak = std::weak_ptr(attempt)] {
    if (*answered) return;
    const int life = coordinator_.life();
    world_.Send([this, life, request_id, job, call, reply, answered] {
      coordinator_.OnRequest(
          life, request_id, job, call,
          [this, reply, answered](const absl::StatusOr<JobView>& result) {
            world_.Send([reply, answered, result] {
              if (*answered) return;
              if (result.status().code() == absl::StatusCode::kUnavailable) {
                return;
              }
              *answered = true;
              reply(result);
            });
          });
    });
    world_.events.After(absl::Seconds(3),
                        [attempt = weak.lock()] { (*attempt)(); });
  };
  (*attempt)();
}

void ClusterSimulation::Submit(Job& job) {
  Ask(
      "submit " + job.spec.name, job.spec.name,
      [&job](Coordinator& core, absl::Time now) {
        return core.Submit("submit " + job.spec.name, job.spec, now);
      },
      [this, &job](const absl::StatusOr<JobView>& result) {
        if (!result.ok() &&
            result.status().code() != absl::StatusCode::kFailedPrecondition) {
          world_.Violate(fmt::format("submission of {}: {}", job.spec.name,
                                     result.status().ToString()));
        }
        if (result.ok()) {
          job.submitted = true;
        } else {
          // The workers were away when the coordinator was asked.
          world_.events.After(absl::Seconds(5), [this, &job] { Submit(job); });
        }
      });
}

void ClusterSimulation::Meddle(Job& job) {
  const std::string id = fmt::format("{} {}", job.spec.name, ++job.calls);
  const std::string& name = job.spec.name;
  const auto ignore = [](const absl::StatusOr<JobView>&) {};
  const uint64_t choice = world_.random.Below(10);
  if (choice < 5) {
    Ask(
        id, name,
        [id, name](Coordinator& core, absl::Time now) {
          return core.Pause(id, name, now);
        },
        ignore);
  } else if (choice < 9) {
    std::optional<ParallelismSpec> parallelism;
    if (world_.Chance(0.5)) parallelism = DrawParallelism();
    Ask(
        id, name,
        [id, name, parallelism](Coordinator& core, absl::Time now) {
          return core.Resume(id, name, parallelism, now);
        },
        ignore);
  } else if (world_.Chance(0.3)) {
    Ask(
        id, name,
        [id, name](Coordinator& core, absl::Time now) {
          return core.Cancel(id, name, now);
        },
        ignore);
  }
}

void ClusterSimulation::ResumePaused() {
  for (auto& [name, job] : jobs_) {
    const auto known = coordinator_.journal().find(name);
    if (known == coordinator_.journal().end() ||
        known->second.state != JobState::kPaused) {
      continue;
    }
    const std::string id = fmt::format("{} {}", name, ++job.calls);
    Ask(
        id, name,
        [id, name = name](Coordinator& core, absl::Time now) {
          return core.Resume(id, name, std::nullopt, now);
        },
        [](const absl::StatusOr<JobView>&) {});
  }
  world_.events.After(absl::Seconds(5), [this] { ResumePaused(); });
}

bool ClusterSimulation::AllFinal() const {
  return std::all_of(jobs_.begin(), jobs_.end(), [this](const auto& job) {
    const auto known = coordinator_.journal().find(job.first);
    return known != coordinator_.journal().end() &&
           IsFinal(known->second.state);
  });
}

void ClusterSimulation::RunUntil(absl::Time end, bool stop_when_final) {
  int at_one_instant = 0;
  while (world_.events.now() < end && world_.violation.empty()) {
    if (stop_when_final && AllFinal()) return;
    const absl::Time before = world_.events.now();
    world_.events.RunNext();
    at_one_instant = world_.events.now() == before ? at_one_instant + 1 : 0;
    if (at_one_instant > kEventsAtOneInstantMax) {
      world_.Violate("somebody does something again and again at once");
    }
  }
}

std::string ClusterSimulation::Run() {
  coordinator_.Start();
  ScheduleCoordinatorCrash();
  for (int i = 0; i < static_cast<int>(workers_.size()); ++i) {
    world_.events.After(world_.Draw(absl::Seconds(5)),
                        [this, i] { workers_[i]->Start(); });
    ScheduleWorkerCrash(i);
    SchedulePartition(i);
  }
  for (auto& [name, job] : jobs_) {
    world_.events.After(world_.Draw(absl::Seconds(30)),
                        [this, &job = job] { Submit(job); });
    for (uint64_t calls = world_.random.Below(16); calls > 0; --calls) {
      world_.events.After(world_.Draw(kFaultyTime), [this, &job = job] {
        if (job.submitted) Meddle(job);
      });
    }
  }
  const absl::Time start = world_.events.now();
  RunUntil(start + kFaultyTime, /*stop_when_final=*/false);
  StopFaults();
  RunUntil(start + kFaultyTime + kPatience, /*stop_when_final=*/true);
  if (!world_.violation.empty() || AllFinal()) return world_.violation;
  std::string report = "did not end:";
  for (const auto& [name, job] : jobs_) {
    const auto known = coordinator_.journal().find(name);
    report +=
        known == coordinator_.journal().end()
            ? fmt::format(" {} unknown;", name)
            : fmt::format(" {} {} at step {} of {}: {};", name,
                          ToString(known->second.state), known->second.step,
                          known->second.spec.steps, known->second.reason);
  }
  return report;
}

}  // namespace penstock
