#ifndef WORKER_LINK_NCCL_MOVER_H_
#define WORKER_LINK_NCCL_MOVER_H_

#include <cstddef>
#include <deque>
#include <functional>
#include <span>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "proto/base/mutex.h"
#include "worker/link/nccl_communicators.h"
#include "worker/link/nccl_streams.h"
#include "worker/link/pending_transfers.h"

namespace penstock {

// Begins the transfers of all edges, each edge's in the order in which they are
// given, and sees their end: one thread.
//
// Thread-safe; Start and Stop are for one.
class NcclMover {
 public:
  // Which of the two spans is set is the id's direction.
  struct Transfer {
    TransferId id;
    std::span<const std::byte> send;
    std::span<std::byte> receive;
  };
  // Called by the thread.
  struct Events {
    std::function<void(const TransferId& id)> on_moved;
    // After on_moved of the last: nothing is under way with the peer.
    std::function<void(int peer)> on_idle;
    // Of an edge: nothing more will be moved on it.
    std::function<void(int peer, const absl::Status& status)> on_failed;
  };

  // Edge i has communicator i of `communicators`, which must outlive this, and
  // its other end is peer peers[i]. A transfer that NCCL has not taken within
  // `begin_max` has failed.
  NcclMover(NcclCommunicators& communicators, CudaStreams& streams,
            const std::vector<int>& peers, absl::Duration begin_max,
            Events events);
  // Requires Stop, if there was a Start.
  ~NcclMover();

  void Start();
  void Stop();

  void Move(int edge, const Transfer& transfer);

  // Forgets what is not begun with the peer.
  void Drop(int peer);

  bool IsIdle(int peer);

 private:
  struct Begun {
    TransferId id;
    uint64_t number = 0;  // Of the communicator.
  };
  struct Edge {
    int peer = 0;
    std::deque<Transfer> waiting;
    bool beginning = false;  // One is neither waiting nor begun.
    std::deque<Begun> begun;
  };

  void Run();
  void BeginNext(int index);
  void EndCompleted(int index);

  NcclCommunicators& communicators_;
  CudaStreams& streams_;
  const absl::Duration begin_max_;
  const Events events_;

  Mutex mutex_;
  CondVar changed_;
  std::vector<Edge> edges_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace penstock

#endif  // WORKER_LINK_NCCL_MOVER_H_
