#include "worker/link/delayed_link.h"

#include <algorithm>

#include "fmt/format.h"
#include "proto/base/clock.h"

namespace penstock {
namespace {

// How long the destructor waits for peers to take what is on its way.
constexpr absl::Duration kHandOverMax = absl::Seconds(2);

// Between two looks at what the other link has sent: only memory waits for it.
constexpr absl::Duration kForget = absl::Milliseconds(10);

}  // namespace

DelayedLink::DelayedLink(std::unique_ptr<Link> link, const Options& options)
    : options_(options), link_(std::move(link)), thread_([this] { Run(); }) {}

DelayedLink::~DelayedLink() {
  {
    MutexLock lock(mutex_);
    stop_ = SteadyNow() + options_.latency + kHandOverMax;
    changed_.NotifyAll();
  }
  thread_.join();
}

absl::Status DelayedLink::Send(int peer, const MessageKey& key,
                               std::span<const std::byte> bytes) {
  MutexLock lock(mutex_);
  const absl::Status failure = FailureOf(peer);
  if (!failure.ok()) return failure;
  absl::Time& left =
      left_.try_emplace(peer, absl::InfinitePast()).first->second;
  left = std::max(left, SteadyNow());
  if (options_.bytes_per_second > 0) {
    left += absl::Seconds(static_cast<double>(bytes.size()) /
                          options_.bytes_per_second);
  }
  const Name name{peer, key};
  if (!leave_.emplace(name, left).second) {
    return absl::InvalidArgumentError(
        fmt::format("peer {}: the key of step {} is in use", peer, key.step));
  }
  waiting_.emplace(
      left + options_.latency,
      Message{.name = name, .bytes = {bytes.begin(), bytes.end()}});
  changed_.NotifyAll();
  return absl::OkStatus();
}

absl::Status DelayedLink::WaitSent(int peer, const MessageKey& key,
                                   absl::Time deadline) {
  MutexLock lock(mutex_);
  const auto found = leave_.find({peer, key});
  if (found == leave_.end()) {
    return absl::NotFoundError(fmt::format(
        "peer {}: nothing was sent under the key of step {}", peer, key.step));
  }
  const absl::Time leave = found->second;
  for (;;) {
    const absl::Status failure = FailureOf(peer);
    if (!failure.ok()) return failure;
    const absl::Time now = SteadyNow();
    if (now >= leave) break;
    if (now >= deadline) {
      return absl::DeadlineExceededError(fmt::format(
          "peer {}: the message of step {} has not left yet", peer, key.step));
    }
    changed_.WaitUntil(mutex_, std::min(leave, deadline));
  }
  leave_.erase({peer, key});
  return absl::OkStatus();
}

absl::Status DelayedLink::PostReceive(int peer, const MessageKey& key,
                                      std::span<std::byte> bytes) {
  return link_->PostReceive(peer, key, bytes);
}

absl::Status DelayedLink::WaitReceived(int peer, const MessageKey& key,
                                       absl::Time deadline) {
  return link_->WaitReceived(peer, key, deadline);
}

void DelayedLink::Abort(const absl::Status& reason) {
  link_->Abort(reason);
  MutexLock lock(mutex_);
  aborted_.Update(reason);
  changed_.NotifyAll();
}

void DelayedLink::Run() {
  MutexLock lock(mutex_);
  while (aborted_.ok()) {
    const absl::Time now = SteadyNow();
    OfferDue(now);
    ForgetSent(now);
    const bool stopping = stop_ < absl::InfiniteFuture();
    const bool empty = waiting_.empty() && offered_.empty();
    if (stopping && (empty || now >= stop_)) return;
    absl::Time next = stop_;
    if (!waiting_.empty()) next = std::min(next, waiting_.begin()->first);
    if (!offered_.empty()) next = std::min(next, now + kForget);
    changed_.WaitUntil(mutex_, next);
  }
}

void DelayedLink::OfferDue(absl::Time now) {
  while (!waiting_.empty() && waiting_.begin()->first <= now) {
    offered_.push_back(std::move(waiting_.begin()->second));
    waiting_.erase(waiting_.begin());
    const Message& message = offered_.back();
    const auto& [peer, key] = message.name;
    // Does not block, so the lock may stay.
    const absl::Status status = link_->Send(peer, key, message.bytes);
    if (status.ok()) continue;
    failed_.emplace(peer, status);
    offered_.pop_back();
    changed_.NotifyAll();
  }
}

void DelayedLink::ForgetSent(absl::Time now) {
  for (auto message = offered_.begin(); message != offered_.end();) {
    const auto& [peer, key] = message->name;
    const absl::Status status = link_->WaitSent(peer, key, now);
    if (absl::IsDeadlineExceeded(status)) {
      ++message;
      continue;
    }
    if (!status.ok()) {
      failed_.emplace(peer, status);
      changed_.NotifyAll();
      // It may still be read.
      kept_.push_back(std::move(*message));
    }
    message = offered_.erase(message);
  }
}

absl::Status DelayedLink::FailureOf(int peer) const {
  if (!aborted_.ok()) return aborted_;
  const auto failed = failed_.find(peer);
  return failed == failed_.end() ? absl::OkStatus() : failed->second;
}

}  // namespace penstock
