#include "worker/link/local_link.h"

#include <fmt/format.h>

#include <cstring>
#include <utility>

#include "proto/base/check.h"
#include "proto/base/status_macros.h"

namespace penstock {

class LocalLink : public Link {
 public:
  LocalLink(std::shared_ptr<LocalHub> hub, int self)
      : hub_(std::move(hub)), self_(self), pending_(*hub_->pending_[self]) {}

  ~LocalLink() override { hub_->Remove(self_, "closed its link"); }

  absl::Status Send(int peer, const MessageKey& key,
                    std::span<const std::byte> bytes) override {
    RETURN_IF_ERROR(pending_.Begin({Direction::kSend, peer, key}));
    hub_->Add({self_, peer, key}, {.offer = bytes});
    return absl::OkStatus();
  }

  absl::Status WaitSent(int peer, const MessageKey& key,
                        absl::Time deadline) override {
    return pending_.Wait({Direction::kSend, peer, key}, deadline);
  }

  absl::Status PostReceive(int peer, const MessageKey& key,
                           std::span<std::byte> bytes) override {
    RETURN_IF_ERROR(pending_.Begin({Direction::kReceive, peer, key}));
    hub_->Add({peer, self_, key}, {.buffer = bytes});
    return absl::OkStatus();
  }

  absl::Status WaitReceived(int peer, const MessageKey& key,
                            absl::Time deadline) override {
    return pending_.Wait({Direction::kReceive, peer, key}, deadline);
  }

  void Abort(const absl::Status& reason) override {
    pending_.Abort(reason);
    hub_->Remove(self_,
                 fmt::format("aborted: {}", std::string(reason.message())));
  }

 private:
  const std::shared_ptr<LocalHub> hub_;
  const int self_;
  PendingTransfers& pending_;
};

absl::Status LocalHub::CopyOnHost(const MessageKey& /*key*/,
                                  std::span<const std::byte> from,
                                  std::span<std::byte> to) {
  if (!from.empty()) std::memcpy(to.data(), from.data(), from.size());
  return absl::OkStatus();
}

std::shared_ptr<LocalHub> LocalHub::Create(std::vector<std::string> names,
                                           Copier copier) {
  return std::shared_ptr<LocalHub>(
      new LocalHub(std::move(names), std::move(copier)));
}

std::shared_ptr<LocalHub> LocalHub::Create(int peers, Copier copier) {
  std::vector<std::string> names;
  for (int peer = 0; peer < peers; ++peer) {
    names.push_back(fmt::format("peer {}", peer));
  }
  return Create(std::move(names), std::move(copier));
}

LocalHub::LocalHub(std::vector<std::string> names, Copier copier)
    : names_(std::move(names)),
      copier_(std::move(copier)),
      copies_(names_.size()),
      removed_(names_.size()) {
  const int peers = static_cast<int>(names_.size());
  for (int peer = 0; peer < peers; ++peer) {
    pending_.push_back(std::make_unique<PendingTransfers>(peers));
  }
}

std::unique_ptr<Link> LocalHub::link(int self) {
  PENSTOCK_CHECK(self >= 0 && self < static_cast<int>(names_.size()));
  return std::make_unique<LocalLink>(shared_from_this(), self);
}

void LocalHub::Add(const Route& route, const Half& half) {
  const auto& [sender, receiver, key] = route;
  Half message = half;
  {
    MutexLock lock(mutex_);
    if (removed_[sender] || removed_[receiver]) return;
    const auto [entry, first] = halves_.try_emplace(route, half);
    if (first) return;
    if (entry->second.offer) message.offer = entry->second.offer;
    if (entry->second.buffer) message.buffer = entry->second.buffer;
    halves_.erase(entry);
    ++copies_[sender];
    ++copies_[receiver];
  }
  Copy(route, message);
  MutexLock lock(mutex_);
  --copies_[sender];
  --copies_[receiver];
  copied_.NotifyAll();
}

void LocalHub::Copy(const Route& route, const Half& message) {
  const auto& [sender, receiver, key] = route;
  absl::Status result;
  if (message.offer->size() != message.buffer->size()) {
    result = absl::FailedPreconditionError(
        fmt::format("{} from {} to {} has {} bytes, the buffer {}",
                    ToString(key), names_[sender], names_[receiver],
                    message.offer->size(), message.buffer->size()));
  } else {
    result = copier_(key, *message.offer, *message.buffer);
  }
  pending_[sender]->End({Direction::kSend, receiver, key}, result);
  pending_[receiver]->End({Direction::kReceive, sender, key}, result);
}

void LocalHub::Remove(int peer, const std::string& what) {
  {
    MutexLock lock(mutex_);
    removed_[peer] = true;
    std::erase_if(halves_, [peer](const auto& entry) {
      return std::get<0>(entry.first) == peer ||
             std::get<1>(entry.first) == peer;
    });
    // A copy takes milliseconds and depends on nobody.
    while (copies_[peer] > 0) {
      copied_.WaitUntil(mutex_, absl::InfiniteFuture());
    }
  }
  const absl::Status gone =
      absl::UnavailableError(fmt::format("{}: {}", names_[peer], what));
  for (auto& pending : pending_) pending->FailPeer(peer, gone);
}

}  // namespace penstock
