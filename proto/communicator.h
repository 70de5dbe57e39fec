#ifndef PROTO_COMMUNICATOR_H_
#define PROTO_COMMUNICATOR_H_

#include <array>
#include <compare>
#include <string>
#include <vector>

namespace penstock {

// Executors of a plan that NCCL joins: a directed edge, sender first, or a
// group, whose members ascend. Members are numbered as a link's peers: replica
// * ranks + rank. Groups come after edges in the order that all executors have
// in common.
struct Communicator {
  bool group = false;
  std::vector<int> members;

  friend auto operator<=>(const Communicator&, const Communicator&) = default;
};

// What the members of a communicator find each other by. The process that made
// it listens for the others, so it must live until all have joined.
using NcclUniqueId = std::array<char, 128>;

// Made by the lowest member, for one plan epoch, and carried to the others by
// the coordinator.
struct CommunicatorId {
  Communicator communicator;
  NcclUniqueId id = {};

  friend auto operator<=>(const CommunicatorId&,
                          const CommunicatorId&) = default;
};

// The member that makes the id, and so listens for the others.
inline int LowestMember(const Communicator& communicator) {
  int lowest = communicator.members[0];
  for (const int member : communicator.members) {
    if (member < lowest) lowest = member;
  }
  return lowest;
}

// "2.28.9" for 22809, as NCCL_VERSION_CODE counts.
std::string NcclVersionText(int version);

}  // namespace penstock

#endif  // PROTO_COMMUNICATOR_H_
