#include "coordinator/schedule/group_order.h"

#include <algorithm>
#include <cstdint>

#include "coordinator/schedule/legal_value.h"
#include "coordinator/schedule/placement.h"
#include "fmt/format.h"
#include "proto/base/status_macros.h"

namespace penstock {
namespace {

// PyTorch's group size; 0 when the groups would not be equal.
int EqualGroup(int ranks, int microbatches) {
  const int groups = std::max(1, microbatches / ranks);
  return microbatches % groups == 0 ? microbatches / groups : 0;
}

bool IsLegal(int ranks, int microbatches, int group_size) {
  if (group_size == EqualGroup(ranks, microbatches)) return true;
  const int rest = group_size > 0 ? microbatches % group_size : 0;
  return ranks <= group_size && group_size <= microbatches &&
         (rest == 0 || rest >= ranks);
}

// The smallest legal group size; M is one, if nothing else.
int LegalGroup(int ranks, int microbatches) {
  int group_size = 1;
  while (!IsLegal(ranks, microbatches, group_size)) ++group_size;
  return group_size;
}

absl::StatusOr<int> GroupSize(std::string_view schedule,
                              const ScheduleRequest& request) {
  const int ranks = request.ranks;
  const int microbatches = request.microbatches;
  if (request.group_size > 0) {
    RETURN_IF_ERROR(RequireLegal(
        schedule, "group_size", request.group_size,
        fmt::format("{}..{}, with a last group of at least {}", ranks,
                    microbatches, ranks),
        [&](int value) { return IsLegal(ranks, microbatches, value); }));
    return request.group_size;
  }
  const absl::Status status = RequireLegal(
      schedule, "microbatches", microbatches,
      fmt::format("a multiple of its number of rounds over {} ranks, {}", ranks,
                  std::max(1, microbatches / ranks)),
      [&](int value) { return EqualGroup(ranks, value) != 0; });
  if (status.ok()) return EqualGroup(ranks, microbatches);
  return absl::InvalidArgumentError(
      fmt::format("{}; or with group_size {}", std::string(status.message()),
                  LegalGroup(ranks, microbatches)));
}

}  // namespace

int StagesPerRank(const ScheduleRequest& request) {
  return request.stages_per_rank == 0 ? 2 : request.stages_per_rank;
}

absl::StatusOr<GroupOrder> GroupOrder::Make(std::string_view schedule,
                                            const ScheduleRequest& request) {
  ASSIGN_OR_RETURN(const int group_size, GroupSize(schedule, request));
  return GroupOrder(request, group_size);
}

GroupOrder::GroupOrder(const ScheduleRequest& request, int group_size)
    : ranks_(request.ranks),
      microbatches_(request.microbatches),
      stages_per_rank_(StagesPerRank(request)),
      group_size_(group_size) {
  lanes_.reserve(static_cast<size_t>(microbatches_) * stages_per_rank_);
  for (int64_t begin = 0; begin < microbatches_; begin += group_size) {
    const int members =
        static_cast<int>(std::min<int64_t>(group_size, microbatches_ - begin));
    for (int lane = 0; lane < stages_per_rank_; ++lane) {
      lanes_.insert(lanes_.end(), members, lane);
    }
  }
}

int GroupOrder::WarmUp(int own) const {
  const int64_t warm_up =
      own + int64_t{stages_per_rank_ - 1} * int64_t{group_size_};
  return static_cast<int>(std::min<int64_t>(warm_up, size()));
}

Schedule GroupOrder::EmptySchedule() const {
  return {
      .microbatches = microbatches_,
      .rank_of_stage = RankOfStage(Placement::kLoop, ranks_, stages_per_rank_),
      .programs = std::vector<std::vector<Action>>(ranks_)};
}

ProgramWriter GroupOrder::Writer(int rank, int actions_per_cell) const {
  std::vector<ProgramWriter::Lane> lanes;
  for (int lane = 0; lane < stages_per_rank_; ++lane) {
    lanes.push_back({lane * ranks_ + rank, 0});
  }
  return ProgramWriter(std::move(lanes), microbatches_,
                       lanes_.size() * actions_per_cell);
}

}  // namespace penstock
