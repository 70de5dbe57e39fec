#include "tests/in_process/in_process_job.h"

#include <thread>
#include <utility>

#include "proto/base/check.h"
#include "proto/base/clock.h"
#include "proto/base/mutex.h"
#include "proto/base/status_macros.h"
#include "worker/executor/nccl_part.h"
#include "worker/link/fake_nccl.h"
#include "worker/link/fake_nccl_links.h"
#include "worker/link/grpc_link.h"
#include "worker/link/local_link.h"
#include "worker/link/staged_link.h"
#include "worker/runtime/message_tag.h"
#include "worker/runtime/peers.h"

namespace penstock {
namespace {

constexpr int kNcclVersion = 22809;
constexpr absl::Duration kConnectMax = absl::Seconds(30);

// Of the host's memory, or, with `make_copies`, of devices'.
absl::StatusOr<std::vector<std::unique_ptr<Link>>> MakeGrpcLinks(
    const Plan& plan, int peers, const CopyQueueMaker& make_copies) {
  std::vector<std::unique_ptr<GrpcLink>> links;
  std::vector<std::string> addresses;
  for (int self = 0; self < peers; ++self) {
    ASSIGN_OR_RETURN(std::unique_ptr<GrpcLink> link,
                     GrpcLink::Start({.job = plan.spec.name,
                                      .epoch = 1,
                                      .self = self,
                                      .peer_names = PeerNames(plan),
                                      .listen_host = "127.0.0.1"}));
    addresses.push_back(link->address());
    links.push_back(std::move(link));
  }
  std::vector<std::unique_ptr<Link>> connected;
  for (std::unique_ptr<GrpcLink>& link : links) {
    RETURN_IF_ERROR(link->Connect(addresses, SteadyNow() + kConnectMax));
    if (make_copies == nullptr) {
      connected.push_back(std::move(link));
      continue;
    }
    StagedLink::Options staging{.peers = peers, .on_device = IsTensor};
    ASSIGN_OR_RETURN(staging.out, make_copies());
    ASSIGN_OR_RETURN(staging.in, make_copies());
    connected.push_back(
        std::make_unique<StagedLink>(std::move(link), std::move(staging)));
  }
  return connected;
}

absl::StatusOr<std::vector<std::unique_ptr<NcclLink>>> MakeNcclLinks(
    const Plan& plan, int peers, FakeNccl& nccl) {
  Plan joined = plan;
  for (LinkPlan& link : joined.links) link.nccl = true;
  std::vector<std::vector<std::vector<int>>> edges;
  std::vector<std::vector<int>> groups;
  for (int self = 0; self < peers; ++self) {
    const NcclPart part = NcclPartOf(joined, self);
    edges.push_back(part.edges);
    groups.push_back(part.group);
  }
  return MakeFakeNcclLinks(nccl, PeerNames(plan), edges, groups, IsTensor);
}

// Copies within a device. Thread-safe.
class DeviceCopier {
 public:
  explicit DeviceCopier(std::unique_ptr<Backend> backend)
      : backend_(std::move(backend)) {}

  absl::Status Copy(const std::byte* from, std::byte* to, size_t bytes) {
    MutexLock lock(mutex_);
    RETURN_IF_ERROR(backend_->Copy(from, to, static_cast<int64_t>(bytes)));
    return backend_->Synchronize();
  }

 private:
  Mutex mutex_;
  const std::unique_ptr<Backend> backend_ ABSL_GUARDED_BY(mutex_);
};

// Null where the host can copy.
absl::StatusOr<std::shared_ptr<DeviceCopier>> MakeCopier(
    const BackendMaker& make_backend) {
  ASSIGN_OR_RETURN(std::unique_ptr<Backend> backend, make_backend());
  if (backend->host_memory()) return nullptr;
  return std::make_shared<DeviceCopier>(std::move(backend));
}

FakeNccl::Copier NcclCopier(const std::shared_ptr<DeviceCopier>& device) {
  if (device == nullptr) return FakeNccl::CopyOnHost;
  return [device](const std::byte* from, std::byte* to, size_t bytes) {
    PENSTOCK_CHECK(device->Copy(from, to, bytes).ok());
  };
}

absl::StatusOr<std::vector<std::unique_ptr<Link>>> MakeLocalLinks(
    int peers, const BackendMaker& make_backend) {
  ASSIGN_OR_RETURN(const std::shared_ptr<DeviceCopier> device,
                   MakeCopier(make_backend));
  LocalHub::Copier copier = LocalHub::CopyOnHost;
  if (device != nullptr) {
    copier = [device](const MessageKey& key, auto from, auto to) {
      if (!IsTensor(key)) return LocalHub::CopyOnHost(key, from, to);
      return device->Copy(from.data(), to.data(), from.size());
    };
  }
  const std::shared_ptr<LocalHub> hub = LocalHub::Create(peers, copier);
  std::vector<std::unique_ptr<Link>> links;
  for (int self = 0; self < peers; ++self) links.push_back(hub->link(self));
  return links;
}

// All trainers of a job and what they tell.
class InProcessJob {
 public:
  InProcessJob(const Plan& plan, const InProcessOptions& options)
      : plan_(plan), options_(options) {}

  absl::StatusOr<InProcessResult> Run() {
    const int peers =
        static_cast<int>(plan_.ranks.size() * plan_.spec.parallelism.data);
    RETURN_IF_ERROR(PrepareTrainers(peers));
    ASSIGN_OR_RETURN(const std::shared_ptr<DeviceCopier> device,
                     MakeCopier(options_.make_backend));
    FakeNccl nccl(kNcclVersion, NcclCopier(device));
    std::vector<LinkGroup*> groups(peers);
    std::vector<std::unique_ptr<Link>> links;
    RETURN_IF_ERROR(MakeLinks(peers, nccl, links, groups));
    std::vector<std::thread> threads;
    for (int peer = 0; peer < peers; ++peer) {
      threads.emplace_back([this, peer, &links, &groups] {
        const absl::Status status =
            trainers_[peer]->Run(*links[peer], groups[peer]);
        MutexLock lock(mutex_);
        first_error_.Update(status);
      });
    }
    for (std::thread& thread : threads) thread.join();
    links.clear();
    const bool cut = options_.cut_after_step > 0 &&
                     std::ssize(result_.metrics) >= options_.cut_after_step;
    if (!cut) RETURN_IF_ERROR(first_error_);
    result_.progress = trainers_[0]->progress();
    for (const auto& trainer : trainers_) {
      result_.arena_bytes.push_back(trainer->arena_bytes());
    }
    return result_;
  }

 private:
  absl::Status MakeLinks(int peers, FakeNccl& nccl,
                         std::vector<std::unique_ptr<Link>>& links,
                         std::vector<LinkGroup*>& groups) {
    if (options_.link == LinkKind::kGrpc) {
      ASSIGN_OR_RETURN(links,
                       MakeGrpcLinks(plan_, peers, options_.make_copies));
    } else if (options_.link == LinkKind::kLocal) {
      ASSIGN_OR_RETURN(links, MakeLocalLinks(peers, options_.make_backend));
    } else {
      ASSIGN_OR_RETURN(auto joined, MakeNcclLinks(plan_, peers, nccl));
      for (int peer = 0; peer < peers; ++peer) {
        groups[peer] = joined[peer]->group();
        links.push_back(std::move(joined[peer]));
      }
    }
    return absl::OkStatus();
  }

  absl::Status PrepareTrainers(int peers) {
    ASSIGN_OR_RETURN(const AllowedRoots roots,
                     AllowedRoots::Create({options_.root}));
    const int ranks = static_cast<int>(plan_.ranks.size());
    for (int peer = 0; peer < peers; ++peer) {
      ASSIGN_OR_RETURN(std::unique_ptr<Trainer> trainer,
                       Trainer::Prepare(plan_,
                                        {.job = plan_.spec.name,
                                         .epoch = 1,
                                         .replica = peer / ranks,
                                         .rank = peer % ranks},
                                        options_.make_backend, roots,
                                        options_.disk, Events()));
      trainers_.push_back(std::move(trainer));
    }
    return absl::OkStatus();
  }

  TrainerEvents Events() {
    return {.on_metrics =
                [this](const StepMetrics& metrics) {
                  // Whether this step is the last is decided right after.
                  if (metrics.step == options_.pause_after_step) {
                    trainers_[0]->Pause();
                  }
                  if (metrics.step == options_.revise_after_step) {
                    for (const auto& trainer : trainers_) {
                      trainer->Revise(options_.revision);
                    }
                  }
                  options_.on_step(metrics);
                  {
                    MutexLock lock(mutex_);
                    result_.metrics.push_back(metrics);
                  }
                  // It ends the others, too.
                  if (metrics.step == options_.cut_after_step) {
                    trainers_[0]->Cancel();
                  }
                },
            .on_trace =
                [this](const StepTrace& trace) {
                  MutexLock lock(mutex_);
                  result_.traces.push_back(trace);
                },
            .on_log = [](std::string_view, const std::string&) {}};
  }

  const Plan& plan_;
  const InProcessOptions options_;
  std::vector<std::unique_ptr<Trainer>> trainers_;
  Mutex mutex_;
  absl::Status first_error_ ABSL_GUARDED_BY(mutex_);
  InProcessResult result_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

absl::StatusOr<InProcessResult> RunInProcess(const Plan& plan,
                                             const InProcessOptions& options) {
  return InProcessJob(plan, options).Run();
}

}  // namespace penstock
