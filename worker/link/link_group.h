#ifndef WORKER_LINK_LINK_GROUP_H_
#define WORKER_LINK_LINK_GROUP_H_

#include <cstddef>
#include <span>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace penstock {

// What one member of a group exchanges with another one. Either may be empty;
// `send` has the size of the other's `receive`.
struct GroupPart {
  std::span<const std::byte> send;
  std::span<std::byte> receive;
};

// Executors that exchange bytes all at once, where a link moves one message
// from one to another. For the sums of gradients over replicas.
//
// Members make the same calls in the same order. One thread calls.
class LinkGroup {
 public:
  virtual ~LinkGroup() = default;

  virtual int size() const = 0;
  virtual int self() const = 0;  // Of the members, which this is.

  // Sends and receives parts[m] with each member m but self, and waits until
  // all that this member sends and receives has moved. When it fails, the
  // buffers belong to the group until its link is destroyed.
  //
  // Errors: those of every method of Link, and
  //   DeadlineExceeded: not by `deadline` (of SteadyNow).
  //   InvalidArgument: not one part for each member.
  virtual absl::Status Exchange(std::span<const GroupPart> parts,
                                absl::Time deadline) = 0;
};

}  // namespace penstock

#endif  // WORKER_LINK_LINK_GROUP_H_
