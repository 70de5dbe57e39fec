#include "worker/link/grpc_link.h"

#include <fmt/format.h>

#include <set>
#include <utility>

#include "proto/base/check.h"
#include "proto/base/mutex.h"
#include "proto/base/status_macros.h"
#include "proto/rpc/channel.h"
#include "worker/link/grpc_event_loop.h"
#include "worker/link/grpc_incoming.h"
#include "worker/link/grpc_loans.h"
#include "worker/link/grpc_outgoing.h"
#include "worker/link/pending_transfers.h"

namespace penstock {
namespace {

// How long the destructor lets peers read what they were sent.
constexpr absl::Duration kGrace = absl::Seconds(2);

// gRPC ends cancelled calls, and lets go of their memory, at once.
constexpr absl::Duration kEndTimeout = absl::Seconds(30);

// How far the streams to the peers are. Thread-safe.
class StreamCounts {
 public:
  void Open(int peer) {
    MutexLock lock(mutex_);
    opening_.insert(peer);
    ++open_;
  }

  void Accepted(int peer) {
    MutexLock lock(mutex_);
    opening_.erase(peer);
    changed_.NotifyAll();
  }

  void Ended(int peer, const absl::Status& status) {
    MutexLock lock(mutex_);
    if (opening_.contains(peer) && failed_.ok()) failed_ = status;
    --open_;
    changed_.NotifyAll();
  }

  // Waits until no stream is opening; the peer that is the first of those that
  // still are at `deadline`, or -1.
  absl::StatusOr<int> WaitForAccepted(absl::Time deadline) {
    MutexLock lock(mutex_);
    bool in_time = true;
    while (failed_.ok() && !opening_.empty()) {
      if (!in_time) return *opening_.begin();
      in_time = changed_.WaitUntil(mutex_, deadline);
    }
    if (!failed_.ok()) return failed_;
    return -1;
  }

  bool WaitForEnded(absl::Time deadline) {
    MutexLock lock(mutex_);
    while (open_ > 0) {
      if (!changed_.WaitUntil(mutex_, deadline)) return open_ == 0;
    }
    return true;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::set<int> opening_ ABSL_GUARDED_BY(mutex_);
  int open_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status failed_ ABSL_GUARDED_BY(mutex_);
};

class GrpcLinkImpl : public GrpcLink {
 public:
  explicit GrpcLinkImpl(const GrpcLinkOptions& options)
      : options_(options),
        pending_(static_cast<int>(options.peer_names.size())),
        loop_(std::make_unique<grpc::CompletionQueue>()),
        streams_(options.peer_names.size()),
        names_(options.peer_names) {}

  absl::Status Listen();
  ~GrpcLinkImpl() override;

  std::string address() const override { return incoming_->address(); }
  absl::Status Connect(const std::vector<std::string>& peer_addresses,
                       absl::Time deadline) override;

  absl::Status Send(int peer, const MessageKey& key,
                    std::span<const std::byte> bytes) override;
  absl::Status WaitSent(int peer, const MessageKey& key,
                        absl::Time deadline) override {
    return pending_.Wait({Direction::kSend, peer, key}, deadline);
  }
  absl::Status PostReceive(int peer, const MessageKey& key,
                           std::span<std::byte> bytes) override;
  absl::Status WaitReceived(int peer, const MessageKey& key,
                            absl::Time deadline) override {
    return pending_.Wait({Direction::kReceive, peer, key}, deadline);
  }
  void Abort(const absl::Status& reason) override;

 private:
  int peers() const { return static_cast<int>(streams_.size()); }

  // "rank 1 of replica 0 at 127.0.0.1:4242: ...".
  absl::Status Name(int peer, const absl::Status& status);

  OutgoingEvents EventsOf(int peer);
  void OnEnded(int peer, const absl::Status& status);
  void CancelStreams();

  const GrpcLinkOptions options_;
  PendingTransfers pending_;
  StreamCounts counts_;
  const std::shared_ptr<GrpcLoans> loans_ = std::make_shared<GrpcLoans>();

  GrpcEventLoop loop_;
  // By peer, null for those without address; touched by the loop's thread
  // only.
  std::vector<std::unique_ptr<OutgoingStream>> streams_;
  std::unique_ptr<GrpcIncoming> incoming_;

  Mutex mutex_;
  std::vector<std::string> names_ ABSL_GUARDED_BY(mutex_);
  bool connected_ ABSL_GUARDED_BY(mutex_) = false;
};

absl::Status GrpcLinkImpl::Listen() {
  ASSIGN_OR_RETURN(
      incoming_,
      GrpcIncoming::Start(
          {.job = options_.job,
           .epoch = options_.epoch,
           .self = options_.self,
           .peers = peers(),
           .listen_host = options_.listen_host,
           .hello_timeout = options_.hello_timeout,
           .tls = options_.tls},
          {.on_received =
               [this](int peer, const MessageKey& key,
                      const absl::Status& result) {
                 pending_.End({Direction::kReceive, peer, key}, result);
               },
           .on_ended =
               [this](int peer, const absl::Status& status) {
                 // It may have ended because of what it was sent last, of
                 // which this side has yet to hear that it has arrived.
                 pending_.FailReceives(peer, Name(peer, status));
               }}));
  loop_.Start();
  return absl::OkStatus();
}

GrpcLinkImpl::~GrpcLinkImpl() {
  loop_.Post([this] {
    for (const auto& stream : streams_) {
      if (stream != nullptr) stream->Close();
    }
  });
  if (!counts_.WaitForEnded(SteadyNow() + kGrace)) {
    CancelStreams();
    PENSTOCK_CHECK(counts_.WaitForEnded(SteadyNow() + kEndTimeout));
  }
  loop_.Stop();
  streams_.clear();
  incoming_.reset();
  PENSTOCK_CHECK(loans_->WaitForAll(SteadyNow() + kEndTimeout));
}

absl::Status GrpcLinkImpl::Name(int peer, const absl::Status& status) {
  MutexLock lock(mutex_);
  return Annotate(status, names_[peer]);
}

absl::Status GrpcLinkImpl::Connect(
    const std::vector<std::string>& peer_addresses, absl::Time deadline) {
  if (static_cast<int>(peer_addresses.size()) != peers()) {
    return absl::InvalidArgumentError(fmt::format(
        "{} addresses for {} peers", peer_addresses.size(), peers()));
  }
  {
    MutexLock lock(mutex_);
    if (connected_) {
      return absl::FailedPreconditionError("the link is connected already");
    }
    connected_ = true;
    for (int peer = 0; peer < peers(); ++peer) {
      if (peer_addresses[peer].empty()) continue;
      names_[peer] += " at " + peer_addresses[peer];
    }
  }
  for (int peer = 0; peer < peers(); ++peer) {
    if (peer_addresses[peer].empty() || peer == options_.self) continue;
    ASSIGN_OR_RETURN(const auto channel,
                     MakeChannel(peer_addresses[peer], options_.tls));
    counts_.Open(peer);
    loop_.Post([this, peer, channel] {
      streams_[peer] = std::make_unique<OutgoingStream>(&loop_, loans_, channel,
                                                        EventsOf(peer));
      streams_[peer]->Open({.job = options_.job,
                            .epoch = options_.epoch,
                            .sender = options_.self,
                            .receiver = peer});
    });
  }
  ASSIGN_OR_RETURN(const int late, counts_.WaitForAccepted(deadline));
  if (late < 0) return absl::OkStatus();
  return Name(late, absl::DeadlineExceededError("has not answered in time"));
}

OutgoingEvents GrpcLinkImpl::EventsOf(int peer) {
  return {
      .on_accepted = [this, peer] { counts_.Accepted(peer); },
      .on_sent =
          [this, peer](const MessageKey& key, const absl::Status& result) {
            pending_.End({Direction::kSend, peer, key}, result);
          },
      .on_ended =
          [this, peer](const absl::Status& status) { OnEnded(peer, status); }};
}

void GrpcLinkImpl::OnEnded(int peer, const absl::Status& status) {
  const std::string message(status.message());
  absl::Status gone =
      absl::UnavailableError(message.empty() ? "closed its link" : message);
  // Refused, as for an epoch that is over: this executor must stop, but nothing
  // is wrong with the job, so the next epoch may go on.
  if (status.code() == absl::StatusCode::kFailedPrecondition) {
    gone = absl::AbortedError(message);
  }
  gone = Name(peer, gone);
  pending_.FailPeer(peer, gone);
  counts_.Ended(peer, gone);
}

absl::Status GrpcLinkImpl::Send(int peer, const MessageKey& key,
                                std::span<const std::byte> bytes) {
  const TransferId id{Direction::kSend, peer, key};
  RETURN_IF_ERROR(pending_.Begin(id));
  loop_.Post([this, id, bytes] {
    if (streams_[id.peer] != nullptr) {
      streams_[id.peer]->Offer(id.key, bytes);
    } else {
      pending_.End(id, absl::InvalidArgumentError(fmt::format(
                           "Connect got no address of peer {}", id.peer)));
    }
  });
  return absl::OkStatus();
}

absl::Status GrpcLinkImpl::PostReceive(int peer, const MessageKey& key,
                                       std::span<std::byte> bytes) {
  RETURN_IF_ERROR(pending_.Begin({Direction::kReceive, peer, key}));
  incoming_->Post(peer, key, bytes);
  return absl::OkStatus();
}

void GrpcLinkImpl::CancelStreams() {
  loop_.Post([this] {
    for (const auto& stream : streams_) {
      if (stream != nullptr) stream->Cancel();
    }
  });
}

void GrpcLinkImpl::Abort(const absl::Status& reason) {
  pending_.Abort(reason);
  incoming_->Abort(reason);
  CancelStreams();
}

}  // namespace

absl::StatusOr<std::unique_ptr<GrpcLink>> GrpcLink::Start(
    const GrpcLinkOptions& options) {
  if (options.self < 0 ||
      options.self >= static_cast<int>(options.peer_names.size())) {
    return absl::InvalidArgumentError(
        fmt::format("peer {} of a plan with {} executors", options.self,
                    options.peer_names.size()));
  }
  auto link = std::make_unique<GrpcLinkImpl>(options);
  RETURN_IF_ERROR(link->Listen());
  return link;
}

}  // namespace penstock
