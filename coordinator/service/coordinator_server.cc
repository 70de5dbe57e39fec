#include "coordinator/service/coordinator_server.h"

#include <filesystem>
#include <functional>
#include <system_error>
#include <utility>

#include "coordinator/service/plan_maker.h"
#include "coordinator/service/plan_reviser.h"
#include "coordinator/storage/journal_sqlite.h"
#include "proto/base/clock.h"
#include "proto/base/file.h"
#include "proto/base/status_macros.h"
#include "proto/version.h"

namespace penstock {
namespace {

// A lease may end so much later than it should.
constexpr absl::Duration kTick = absl::Milliseconds(100);

// A plan may be made again so much later than it could.
constexpr absl::Duration kRevise = absl::Milliseconds(200);

absl::StatusOr<AllowedRoots> MakeRoots(const StateDirectory& directory,
                                       std::vector<std::string> roots) {
  const std::string checkpoints = directory.CheckpointDirectory();
  std::error_code error;
  std::filesystem::create_directories(checkpoints, error);
  if (error) return ErrnoStatus(error.value(), checkpoints);
  roots.push_back(checkpoints);
  return AllowedRoots::Create(roots);
}

// The time of day at the start, going on steadily: people read it, and it never
// goes back.
std::function<absl::Time()> MakeClock() {
  const absl::Duration offset = absl::Now() - SteadyNow();
  return [offset] { return SteadyNow() + offset; };
}

}  // namespace

CoordinatorServer::CoordinatorServer(StateDirectory directory,
                                     AllowedRoots roots,
                                     std::unique_ptr<Cluster> cluster)
    : directory_(std::move(directory)),
      preflight_(std::move(roots), directory_.CheckpointDirectory()),
      cluster_(std::move(cluster)),
      jobs_(*cluster_, preflight_),
      workers_(*cluster_),
      checkpoints_(*cluster_, directory_.CheckpointDirectory()),
      worker_pool_(*cluster_) {}

absl::StatusOr<std::unique_ptr<CoordinatorServer>> CoordinatorServer::Start(
    const CoordinatorServerOptions& options) {
  ASSIGN_OR_RETURN(StateDirectory directory,
                   StateDirectory::Open(options.state_directory));
  ASSIGN_OR_RETURN(AllowedRoots roots, MakeRoots(directory, options.roots));
  ASSIGN_OR_RETURN(std::unique_ptr<Journal> journal,
                   OpenSqliteJournal({.path = directory.JournalPath()}));
  ASSIGN_OR_RETURN(std::unique_ptr<Cluster> cluster,
                   Cluster::Open({.coordinator = {.version = kVersion,
                                                  .lease = options.lease,
                                                  .interval = options.interval},
                                  .now = MakeClock()},
                                 MakePlanMaker(directory.CheckpointDirectory()),
                                 std::move(journal)));
  std::unique_ptr<CoordinatorServer> server(new CoordinatorServer(
      std::move(directory), std::move(roots), std::move(cluster)));
  ASSIGN_OR_RETURN(
      server->rpc_,
      RpcServer::Start({.address = options.listen, .tls = options.tls},
                       {&server->jobs_, &server->workers_,
                        &server->checkpoints_, &server->worker_pool_}));
  server->ticker_ =
      std::thread([raw = server.get()] { raw->TickUntilStopped(); });
  server->reviser_ =
      std::thread([raw = server.get()] { raw->ReviseUntilStopped(); });
  RETURN_IF_ERROR(WriteFileAtomically(server->directory_.AddressPath(),
                                      server->address() + "\n"));
  return server;
}

CoordinatorServer::~CoordinatorServer() { Stop(absl::ZeroDuration()); }

void CoordinatorServer::TickUntilStopped() {
  while (!cluster_->WaitUntilStopped(SteadyNow() + kTick)) cluster_->Tick();
}

// Beside the ticks, which must not wait for a plan.
void CoordinatorServer::ReviseUntilStopped() {
  while (!cluster_->WaitUntilStopped(SteadyNow() + kRevise)) {
    ReviseDuePlans(*cluster_);
  }
}

void CoordinatorServer::Stop(absl::Duration grace) {
  if (rpc_ != nullptr) rpc_->SetServing(false);
  cluster_->Stop();
  if (rpc_ != nullptr) rpc_->Shutdown(grace);
  if (ticker_.joinable()) ticker_.join();
  if (reviser_.joinable()) reviser_.join();
}

}  // namespace penstock
