#include "worker/link/nccl_link.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "fmt/format.h"
#include "proto/base/clock.h"
#include "proto/base/mutex.h"
#include "proto/base/status_macros.h"
#include "worker/link/nccl_communicators.h"
#include "worker/link/nccl_group.h"
#include "worker/link/nccl_mover.h"
#include "worker/link/nccl_order.h"
#include "worker/link/note_stream.h"
#include "worker/link/pending_transfers.h"

namespace penstock {
namespace {

// How long the destructor lets end what was begun, and communicators close.
constexpr absl::Duration kGrace = absl::Seconds(2);

class NcclLinkImpl : public NcclLink {
 public:
  NcclLinkImpl(NcclLinkOptions options, NcclLibrary& library,
               CudaStreams& streams, std::unique_ptr<Link> host);
  ~NcclLinkImpl() override;

  absl::Status MakeIds() { return communicators_->MakeIds(); }

  const std::vector<CommunicatorId>& ids() const override {
    return communicators_->ids();
  }
  absl::Status Connect(const std::vector<CommunicatorId>& ids,
                       absl::Time deadline) override;
  LinkGroup* group() override { return group_ ? &*group_ : nullptr; }

  absl::Status Send(int peer, const MessageKey& key,
                    std::span<const std::byte> bytes) override;
  absl::Status WaitSent(int peer, const MessageKey& key,
                        absl::Time deadline) override;
  absl::Status PostReceive(int peer, const MessageKey& key,
                           std::span<std::byte> bytes) override;
  absl::Status WaitReceived(int peer, const MessageKey& key,
                            absl::Time deadline) override;
  void Abort(const absl::Status& reason) override;

 private:
  struct Edge {
    int index = 0;  // Of its communicator.
    std::string name;
    int peer = 0;
    Direction direction = Direction::kSend;
    NcclSendOrder send_order;
    NcclReceiveOrder receive_order;
  };
  struct Peer {
    std::unique_ptr<NoteStream> notes;
    bool closing = false;   // It said so; nothing more is begun with it.
    bool answered = false;  // With kClosed.
    bool closed = false;    // It has answered ours.
    bool ended = false;
  };

  std::vector<NcclCommunicators::Member> Members() const;
  std::vector<int> PeersOfEdges() const;
  Edge* FindEdge(Direction direction, int peer, const MessageKey& key);

  // What the peers say; on their streams' threads.
  void OnNote(int peer, const Note& note);
  absl::Status OnMessage(int peer, const Note& note)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void StartSend(Edge& edge, const NcclSendOrder::Message& message)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void StartReceive(Edge& edge, const NcclReceiveOrder::Message& message)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void AnswerClose(int peer) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnIdle(int peer);

  // Ends everything with the peer.
  void FailPeer(int peer, const absl::Status& status);
  void OnCommunicatorFailed(int index, const absl::Status& status);

  void CloseGracefully();
  // Whether all but this have agreed that nothing is under way.
  bool HaveClosed(const std::vector<int>& members);

  const NcclLinkOptions options_;
  CudaStreams& streams_;
  PendingTransfers pending_;
  // The edges', in the order of the options; then the group's.
  const std::unique_ptr<NcclCommunicators> communicators_;
  NcclMover mover_;
  std::optional<NcclGroup> group_;  // Set by Connect.

  // Both fixed in size and place after construction; what changes is guarded.
  std::map<std::pair<Direction, int>, Edge> edges_;
  std::map<int, Peer> peers_;

  Mutex mutex_;
  CondVar changed_;
  bool connected_ ABSL_GUARDED_BY(mutex_) = false;
  bool ready_ ABSL_GUARDED_BY(mutex_) = false;  // Connect has succeeded.
  // Nothing more is granted: the peers were told so.
  bool leaving_ ABSL_GUARDED_BY(mutex_) = false;
  bool aborted_ ABSL_GUARDED_BY(mutex_) = false;

  // After the notes, whose buffers it may hold.
  std::unique_ptr<Link> host_;
};

NcclLinkImpl::NcclLinkImpl(NcclLinkOptions options, NcclLibrary& library,
                           CudaStreams& streams, std::unique_ptr<Link> host)
    : options_(std::move(options)),
      streams_(streams),
      pending_(static_cast<int>(options_.peer_names.size())),
      communicators_(std::make_unique<NcclCommunicators>(
          options_.self, Members(), library, streams,
          [this](int index, const absl::Status& status) {
            OnCommunicatorFailed(index, status);
          })),
      mover_(*communicators_, streams, PeersOfEdges(), options_.stall_max,
             {.on_moved =
                  [this](const TransferId& id) {
                    pending_.End(id, absl::OkStatus());
                  },
              .on_idle = [this](int peer) { OnIdle(peer); },
              .on_failed =
                  [this](int peer, const absl::Status& status) {
                    FailPeer(peer, status);
                  }}),
      host_(std::move(host)) {
  const std::vector<NcclCommunicators::Member> members = Members();
  const std::vector<int> peers = PeersOfEdges();
  for (int i = 0; i < std::ssize(options_.edges); ++i) {
    const bool sends = options_.edges[i][0] == options_.self;
    const auto direction = sends ? Direction::kSend : Direction::kReceive;
    const int peer = peers[i];
    Edge& edge = edges_[{direction, peer}];
    edge.index = i;
    edge.name = members[i].name;
    edge.peer = peer;
    edge.direction = direction;
    peers_[peer];
  }
  for (const int member : options_.group) {
    if (member != options_.self) peers_[member];
  }
  for (auto& [peer, state] : peers_) {
    state.notes = std::make_unique<NoteStream>(
        *host_, peer,
        NoteStream::Events{
            .on_note = [this,
                        peer = peer](const Note& note) { OnNote(peer, note); },
            .on_ended =
                [this, peer = peer](const absl::Status& status) {
                  FailPeer(peer, status);
                }});
  }
}

std::vector<NcclCommunicators::Member> NcclLinkImpl::Members() const {
  std::vector<NcclCommunicators::Member> all;
  for (const std::vector<int>& edge : options_.edges) {
    all.push_back({.communicator = {.members = edge},
                   .name = fmt::format(
                       "edge {} to {}, epoch {}", options_.peer_names[edge[0]],
                       options_.peer_names[edge[1]], options_.epoch),
                   .stall_max = options_.stall_max});
  }
  // How long an exchange may take is for its caller to say: others may come to
  // it late.
  if (!options_.group.empty()) {
    all.push_back(
        {.communicator = {.group = true, .members = options_.group},
         .name = fmt::format("group of {} and {} more, epoch {}",
                             options_.peer_names[options_.group[0]],
                             options_.group.size() - 1, options_.epoch)});
  }
  return all;
}

std::vector<int> NcclLinkImpl::PeersOfEdges() const {
  std::vector<int> peers;
  for (const std::vector<int>& edge : options_.edges) {
    peers.push_back(edge[edge[0] == options_.self ? 1 : 0]);
  }
  return peers;
}

absl::Status NcclLinkImpl::Connect(const std::vector<CommunicatorId>& ids,
                                   absl::Time deadline) {
  {
    MutexLock lock(mutex_);
    if (connected_) {
      return absl::FailedPreconditionError("the link is connected already");
    }
    connected_ = true;
  }
  // From here on a peer that goes away ends the waits below.
  for (auto& [peer, state] : peers_) state.notes->Start();
  RETURN_IF_ERROR(communicators_->Connect(ids, deadline));
  if (!options_.group.empty()) {
    const auto self =
        std::find(options_.group.begin(), options_.group.end(), options_.self);
    group_.emplace(communicators_->at(static_cast<int>(options_.edges.size())),
                   streams_, static_cast<int>(options_.group.size()),
                   static_cast<int>(self - options_.group.begin()));
  }
  mover_.Start();
  MutexLock lock(mutex_);
  ready_ = true;
  return absl::OkStatus();
}

NcclLinkImpl::Edge* NcclLinkImpl::FindEdge(Direction direction, int peer,
                                           const MessageKey& key) {
  const auto edge = edges_.find({direction, peer});
  if (edge == edges_.end() || !options_.carries(key)) return nullptr;
  return &edge->second;
}

absl::Status NcclLinkImpl::Send(int peer, const MessageKey& key,
                                std::span<const std::byte> bytes) {
  Edge* edge = FindEdge(Direction::kSend, peer, key);
  if (edge == nullptr) return host_->Send(peer, key, bytes);
  RETURN_IF_ERROR(pending_.Begin({Direction::kSend, peer, key}));
  MutexLock lock(mutex_);
  if (leaving_ || peers_[peer].closing) return absl::OkStatus();
  const auto message = edge->send_order.Offer(key, bytes);
  if (message.has_value()) StartSend(*edge, *message);
  return absl::OkStatus();
}

absl::Status NcclLinkImpl::WaitSent(int peer, const MessageKey& key,
                                    absl::Time deadline) {
  if (FindEdge(Direction::kSend, peer, key) == nullptr) {
    return host_->WaitSent(peer, key, deadline);
  }
  return pending_.Wait({Direction::kSend, peer, key}, deadline);
}

absl::Status NcclLinkImpl::PostReceive(int peer, const MessageKey& key,
                                       std::span<std::byte> bytes) {
  Edge* edge = FindEdge(Direction::kReceive, peer, key);
  if (edge == nullptr) return host_->PostReceive(peer, key, bytes);
  RETURN_IF_ERROR(pending_.Begin({Direction::kReceive, peer, key}));
  MutexLock lock(mutex_);
  edge->receive_order.Post(key, bytes);
  peers_[peer].notes->Send(
      {.kind = Note::Kind::kCredit, .key = key, .bytes = bytes.size()});
  return absl::OkStatus();
}

absl::Status NcclLinkImpl::WaitReceived(int peer, const MessageKey& key,
                                        absl::Time deadline) {
  if (FindEdge(Direction::kReceive, peer, key) == nullptr) {
    return host_->WaitReceived(peer, key, deadline);
  }
  return pending_.Wait({Direction::kReceive, peer, key}, deadline);
}

void NcclLinkImpl::OnNote(int peer, const Note& note) {
  absl::Status status;
  {
    MutexLock lock(mutex_);
    Peer& state = peers_[peer];
    if (note.kind == Note::Kind::kClose) {
      state.closing = true;
      AnswerClose(peer);
    } else if (note.kind == Note::Kind::kClosed) {
      state.closed = true;
      changed_.NotifyAll();
    } else {
      status = OnMessage(peer, note);
    }
  }
  if (!status.ok()) FailPeer(peer, status);
}

absl::Status NcclLinkImpl::OnMessage(int peer, const Note& note) {
  const bool credit = note.kind == Note::Kind::kCredit;
  const auto found =
      edges_.find({credit ? Direction::kSend : Direction::kReceive, peer});
  if (found == edges_.end()) {
    return absl::InvalidArgumentError(
        fmt::format("{}: a note about an edge that the plan has not",
                    options_.peer_names[peer]));
  }
  Edge& edge = found->second;
  if (credit) {
    if (leaving_ || peers_[peer].closing) return absl::OkStatus();
    const auto message = edge.send_order.AddCredit(note.key, note.bytes);
    RETURN_IF_ERROR(Annotate(message.status(), edge.name));
    if (message->has_value()) StartSend(edge, **message);
    return absl::OkStatus();
  }
  const auto message =
      note.kind == Note::Kind::kGrant
          ? edge.receive_order.Grant(note.number, note.key, note.bytes)
          : edge.receive_order.Refuse(note.key, note.bytes);
  RETURN_IF_ERROR(Annotate(message.status(), edge.name));
  StartReceive(edge, *message);
  return absl::OkStatus();
}

void NcclLinkImpl::StartSend(Edge& edge,
                             const NcclSendOrder::Message& message) {
  peers_[edge.peer].notes->Send(
      {.kind = message.refusal.ok() ? Note::Kind::kGrant : Note::Kind::kRefusal,
       .key = message.key,
       .bytes = message.bytes.size(),
       .number = message.number});
  const TransferId id{Direction::kSend, edge.peer, message.key};
  if (!message.refusal.ok() || message.bytes.empty()) {
    pending_.End(id, message.refusal);
    return;
  }
  mover_.Move(edge.index, {.id = id, .send = message.bytes});
}

void NcclLinkImpl::StartReceive(Edge& edge,
                                const NcclReceiveOrder::Message& message) {
  const TransferId id{Direction::kReceive, edge.peer, message.key};
  if (!message.refusal.ok() || message.bytes.empty()) {
    pending_.End(id, message.refusal);
    return;
  }
  mover_.Move(edge.index, {.id = id, .receive = message.bytes});
}

void NcclLinkImpl::AnswerClose(int peer) {
  Peer& state = peers_[peer];
  if (!state.closing || state.answered || !mover_.IsIdle(peer)) return;
  state.answered = true;
  state.notes->Send({.kind = Note::Kind::kClosed});
}

void NcclLinkImpl::OnIdle(int peer) {
  MutexLock lock(mutex_);
  AnswerClose(peer);
  changed_.NotifyAll();
}

void NcclLinkImpl::OnCommunicatorFailed(int index, const absl::Status& status) {
  // Who is in an exchange of the group learns of its failure by that.
  if (index >= std::ssize(options_.edges)) return;
  for (const int peer : options_.edges[index]) {
    if (peer != options_.self) FailPeer(peer, status);
  }
}

void NcclLinkImpl::FailPeer(int peer, const absl::Status& status) {
  pending_.FailPeer(peer, status);
  mover_.Drop(peer);
  for (int i = 0; i < std::ssize(options_.edges); ++i) {
    const std::vector<int>& edge = options_.edges[i];
    if (edge[0] == peer || edge[1] == peer) communicators_->Fail(i, status);
  }
  if (std::find(options_.group.begin(), options_.group.end(), peer) !=
      options_.group.end()) {
    communicators_->Fail(static_cast<int>(options_.edges.size()), status);
  }
  MutexLock lock(mutex_);
  peers_[peer].ended = true;
  changed_.NotifyAll();
}

void NcclLinkImpl::Abort(const absl::Status& reason) {
  const absl::Status aborted =
      reason.ok() ? absl::AbortedError("aborted") : reason;
  pending_.Abort(aborted);
  {
    MutexLock lock(mutex_);
    aborted_ = true;
    changed_.NotifyAll();
  }
  communicators_->FailAll(aborted);
  host_->Abort(aborted);
}

// Both ends of an edge agree that nothing is under way, so that neither takes
// the communicator away under the other's transfer.
void NcclLinkImpl::CloseGracefully() {
  const absl::Time deadline = SteadyNow() + kGrace;
  MutexLock lock(mutex_);
  if (aborted_ || !ready_) return;
  leaving_ = true;
  for (auto& [peer, state] : peers_) {
    if (!state.ended) state.notes->Send({.kind = Note::Kind::kClose});
  }
  const auto done = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return std::all_of(peers_.begin(), peers_.end(), [this](const auto& entry) {
      return entry.second.ended ||
             (entry.second.closed && mover_.IsIdle(entry.first));
    });
  };
  while (!aborted_ && !done() && changed_.WaitUntil(mutex_, deadline)) {
  }
}

bool NcclLinkImpl::HaveClosed(const std::vector<int>& members) {
  MutexLock lock(mutex_);
  return !aborted_ &&
         std::all_of(members.begin(), members.end(), [this](int member) {
           return member == options_.self ||
                  (peers_[member].closed && !peers_[member].ended &&
                   mover_.IsIdle(member));
         });
}

NcclLinkImpl::~NcclLinkImpl() {
  CloseGracefully();
  // The watchdog outlives the mover, which may hang in a call.
  mover_.Stop();
  communicators_->Stop();
  for (auto& [peer, state] : peers_) state.notes->Stop();
  const absl::Time deadline = SteadyNow() + kGrace;
  for (int i = 0; i < std::ssize(options_.edges); ++i) {
    if (HaveClosed(options_.edges[i])) communicators_->Close(i, deadline);
  }
  if (group_.has_value() && HaveClosed(options_.group)) {
    communicators_->Close(static_cast<int>(options_.edges.size()), deadline);
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<NcclLink>> NcclLink::Create(
    NcclLinkOptions options, NcclLibrary& library, CudaStreams& streams,
    std::unique_ptr<Link> host) {
  const int peers = static_cast<int>(options.peer_names.size());
  std::vector<std::vector<int>> all = options.edges;
  if (!options.group.empty()) all.push_back(options.group);
  for (const std::vector<int>& members : all) {
    const bool inside = std::all_of(
        members.begin(), members.end(),
        [peers](int member) { return member >= 0 && member < peers; });
    if (members.size() >= 2 && inside &&
        std::count(members.begin(), members.end(), options.self) == 1) {
      continue;
    }
    return absl::InvalidArgumentError(fmt::format(
        "a communicator of peers {} is not peer {}'s in a plan with {} "
        "executors",
        fmt::join(members, ","), options.self, peers));
  }
  auto link = std::make_unique<NcclLinkImpl>(std::move(options), library,
                                             streams, std::move(host));
  RETURN_IF_ERROR(link->MakeIds());
  return link;
}

}  // namespace penstock
