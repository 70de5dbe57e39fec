#ifndef COORDINATOR_SCHEDULE_TOPOLOGY_H_
#define COORDINATOR_SCHEDULE_TOPOLOGY_H_

#include <algorithm>
#include <cstddef>
#include <vector>

#include "coordinator/schedule/schedule.h"

namespace penstock {

// The neighbours of one stage. "Before" and "after" are in its own copy.
struct StageLinks {
  int rank = 0;
  bool has_before = false;
  bool has_after = false;
  bool crosses_before = false;  // The stage before is on another rank.
  bool crosses_after = false;   // The stage after is on another rank.
  int first_microbatch = 0;     // Of those that pass the stage.
  // Of micro-batch 0, piece 0, as if it passed the stage; wraps around.
  size_t cell_base = 0;
};

// A schedule's shape, laid out for tables that are asked with every action. A
// cell is one (stage, micro-batch, piece) that exists; the cells of a stage lie
// side by side.
//
// Requires the shape that CheckWellFormed accepts.
class Topology {
 public:
  explicit Topology(const Schedule& schedule)
      : pieces_(schedule.pieces),
        microbatches_(schedule.microbatches_per_copy()) {
    links_.reserve(schedule.rank_of_stage.size());
    for (int stage = 0; stage < schedule.stages(); ++stage) {
      const int rank = schedule.rank_of_stage[stage];
      StageLinks links{.rank = rank,
                       .has_before = !schedule.IsFirst(stage),
                       .has_after = !schedule.IsLast(stage),
                       .first_microbatch = schedule.FirstMicrobatch(stage)};
      links.crosses_before =
          links.has_before && schedule.rank_of_stage[stage - 1] != rank;
      links.crosses_after =
          links.has_after && schedule.rank_of_stage[stage + 1] != rank;
      links.cell_base = static_cast<size_t>(stage) * cells_per_stage() -
                        static_cast<size_t>(links.first_microbatch) * Pieces();
      links_.push_back(links);
    }
  }

  const StageLinks& operator[](int stage) const { return links_[stage]; }

  size_t cells_per_stage() const {
    return static_cast<size_t>(microbatches_) * Pieces();
  }
  size_t cells() const { return links_.size() * cells_per_stage(); }

  // Requires that the cell exists.
  size_t Cell(const Action& action) const {
    return links_[action.stage].cell_base +
           static_cast<size_t>(action.microbatch) * Pieces() +
           static_cast<size_t>(std::max<int>(action.piece, 0));
  }
  // The same micro-batch and piece on the stage before and after.
  size_t CellBefore(size_t cell) const { return cell - cells_per_stage(); }
  size_t CellAfter(size_t cell) const { return cell + cells_per_stage(); }

  bool HasMicrobatch(const Action& action) const {
    const int first = links_[action.stage].first_microbatch;
    return action.microbatch >= first &&
           action.microbatch < first + microbatches_;
  }
  bool HasPiece(const Action& action) const {
    return pieces_ == 1 ? action.piece == -1
                        : action.piece >= 0 && action.piece < pieces_;
  }
  int pieces() const { return pieces_; }

 private:
  size_t Pieces() const { return static_cast<size_t>(pieces_); }

  int pieces_;
  int microbatches_;  // That pass each stage.
  std::vector<StageLinks> links_;
};

// The other end of the copy that `stage` begins or ends: the two share a tied
// weight.
inline int TiedStage(const Schedule& schedule, int stage) {
  const int distance = schedule.stages_per_copy() - 1;
  return schedule.IsFirst(stage) ? stage + distance : stage - distance;
}

}  // namespace penstock

#endif  // COORDINATOR_SCHEDULE_TOPOLOGY_H_
