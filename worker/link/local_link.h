#ifndef WORKER_LINK_LOCAL_LINK_H_
#define WORKER_LINK_LOCAL_LINK_H_

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "proto/base/mutex.h"
#include "worker/link/link.h"
#include "worker/link/pending_transfers.h"

namespace penstock {

// Joins executors that are threads of one process. A message is copied once, on
// the thread of whichever end comes second.
//
// Thread-safe. Shared by its links, so it lives as long as any of them.
class LocalHub : public std::enable_shared_from_this<LocalHub> {
 public:
  // Copies a message, of equal sizes. Called by several threads at once; its
  // error is that of both waits.
  using Copier = std::function<absl::Status(const MessageKey&,
                                            std::span<const std::byte> from,
                                            std::span<std::byte> to)>;
  static absl::Status CopyOnHost(const MessageKey& key,
                                 std::span<const std::byte> from,
                                 std::span<std::byte> to);

  // For as many peers as there are names; messages of errors carry the names.
  static std::shared_ptr<LocalHub> Create(std::vector<std::string> names,
                                          Copier copier = CopyOnHost);

  // For peers called "peer 0", "peer 1" and so on.
  static std::shared_ptr<LocalHub> Create(int peers,
                                          Copier copier = CopyOnHost);

  // The link of one peer; called at most once for each.
  std::unique_ptr<Link> link(int self);

 private:
  friend class LocalLink;

  // Sender, receiver, key.
  using Route = std::tuple<int, int, MessageKey>;

  // What the end that came first has brought.
  struct Half {
    std::optional<std::span<const std::byte>> offer;
    std::optional<std::span<std::byte>> buffer;
  };

  LocalHub(std::vector<std::string> names, Copier copier);

  // Takes in one end of a message and copies if the other end is there.
  void Add(const Route& route, const Half& half);
  void Copy(const Route& route, const Half& message);

  // Ends everything with `peer`; `what` is what became of it. Returns when no
  // buffer of it is in use.
  void Remove(int peer, const std::string& what);

  const std::vector<std::string> names_;
  const Copier copier_;
  // By peer. Fixed after construction.
  std::vector<std::unique_ptr<PendingTransfers>> pending_;

  Mutex mutex_;
  CondVar copied_;
  std::map<Route, Half> halves_ ABSL_GUARDED_BY(mutex_);
  std::vector<int> copies_ ABSL_GUARDED_BY(mutex_);  // Running now, by peer.
  std::vector<bool> removed_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace penstock

#endif  // WORKER_LINK_LOCAL_LINK_H_
