#ifndef COORDINATOR_SCHEDULE_ACTION_TABLE_H_
#define COORDINATOR_SCHEDULE_ACTION_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "proto/action.h"

namespace penstock {

// Which actions of each cell (see topology.h) have been executed: two bytes for
// the nine kinds that belong to a micro-batch.
class ActionTable {
 public:
  explicit ActionTable(size_t cells) : bits_(cells) {}

  bool Has(size_t cell, ActionKind kind) const {
    return (bits_[cell] & Bit(kind)) != 0;
  }
  bool HasBackward(size_t cell) const {
    return (bits_[cell] & (Bit(ActionKind::kBackward) |
                           Bit(ActionKind::kBackwardInput))) != 0;
  }
  void Set(size_t cell, ActionKind kind) { bits_[cell] |= Bit(kind); }

 private:
  static uint16_t Bit(ActionKind kind) {
    return static_cast<uint16_t>(1 << static_cast<int>(kind));
  }

  std::vector<uint16_t> bits_;
};

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_ACTION_TABLE_H_
