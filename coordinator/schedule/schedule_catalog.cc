#include "coordinator/schedule/schedule_catalog.h"

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "fmt/format.h"
#include "proto/base/status_macros.h"
#include "proto/schedule_names.h"

namespace penstock {
namespace {

// As well_formed.cc has them: what is generated can be verified.
constexpr int64_t kStagesMax = 1 << 16;
constexpr int64_t kCellsMax = int64_t{1} << 28;  // Stages x micro-batches.

constexpr std::array<ScheduleInfo, kScheduleNames.size()> kCatalog = {{
    {.name = "naive",
     .description = "one micro-batch at a time, one rank works",
     .placement = "line",
     .shapes = "any",
     .stages_per_rank = 1},
    {.name = "gpipe",
     .description = "all forwards, then all backwards, both in order",
     .placement = "line",
     .shapes = "any",
     .stages_per_rank = 1},
    {.name = "gpipe-lifo",
     .description = "all forwards, then all backwards, the last one first",
     .placement = "line",
     .shapes = "any",
     .stages_per_rank = 1,
     .own_summation_order = true},
    {.name = "1f1b",
     .description = "warm-up, then forward and backward in turn",
     .placement = "line",
     .shapes = "any",
     .stages_per_rank = 1},
    {.name = "1f1b-slack",
     .description = "1F1B with a deeper warm-up, against latency",
     .placement = "line",
     .shapes = "any; slack >= 1, or 0 for a warm-up by the costs",
     .stages_per_rank = 1,
     .fields = kSlack},
    {.name = "interleaved-1f1b",
     .description = "1F1B over several stages per rank, in groups",
     .placement = "loop",
     .shapes = "stages per rank >= 2; groups of P..M micro-batches, the last "
               "one also of at least P; or M in max(1, M / P) equal groups",
     .fields = kGroupSize},
    {.name = "looped-bfs",
     .description = "breadth first: every stage passes all micro-batches",
     .placement = "loop",
     .shapes = "any",
     .own_summation_order = true},
    {.name = "zb-h1",
     .description = "zero bubble with 1F1B's memory: W delayed by the rank",
     .placement = "line",
     .shapes = "any",
     .stages_per_rank = 1,
     .splits_backward = true},
    {.name = "zb-h2",
     .description = "zero bubble with twice 1F1B's memory",
     .placement = "line",
     .shapes = "any",
     .stages_per_rank = 1,
     .splits_backward = true},
    {.name = "interleaved-zb",
     .description = "ZB-H1 over several stages per rank, in groups",
     .placement = "loop",
     .shapes = "groups as interleaved-1f1b",
     .fields = kGroupSize,
     .splits_backward = true},
    {.name = "zb-auto",
     .description = "zero bubble by times and memory: ZB-1p, ZB-2p",
     .placement = "line",
     .shapes = "any",
     .stages_per_rank = 1,
     .fields = kActivationsMax,
     .splits_backward = true,
     .searched = true},
    {.name = "zbv",
     .description = "zero bubble on a V, with 1F1B's memory",
     .placement = "V",
     .shapes = "any",
     .stages_per_rank = 2,
     .splits_backward = true},
    {.name = "zbv-auto",
     .description = "zero bubble on a V by times and memory",
     .placement = "V",
     .shapes = "any",
     .stages_per_rank = 2,
     .fields = kActivationsMax,
     .splits_backward = true,
     .searched = true},
    {.name = "v-half",
     .description = "zero bubble on a V, with half of 1F1B's memory",
     .placement = "V",
     .shapes = "any",
     .stages_per_rank = 2,
     .splits_backward = true,
     .searched = true},
    {.name = "v-min",
     .description = "zero bubble on a V, with a third of 1F1B's memory",
     .placement = "V",
     .shapes = "any",
     .stages_per_rank = 2,
     .splits_backward = true,
     .searched = true},
    {.name = "v-1f1b",
     .description = "1F1B on a V, with two thirds of 1F1B's memory",
     .placement = "V",
     .shapes = "any",
     .stages_per_rank = 2},
    {.name = "chimera",
     .description = "two pipelines in opposite directions, two weight copies",
     .placement = "bidirectional",
     .shapes = "even ranks, even micro-batches",
     .stages_per_rank = 2,
     .own_summation_order = true},
    {.name = "hanayo",
     .description = "waves: each micro-batch runs down and up several times",
     .placement = "wave",
     .shapes = "even stages per rank",
     .fields = 0},
    {.name = "dualpipe",
     .description = "bidirectional, forward overlapped with backward",
     .placement = "bidirectional",
     .shapes = "even ranks, even micro-batches >= 2 P",
     .stages_per_rank = 2,
     .splits_backward = true,
     .own_summation_order = true},
    {.name = "dualpipev",
     .description = "DualPipe cut in half: a V, forward beside backward",
     .placement = "V",
     .shapes = "micro-batches >= 2 P",
     .stages_per_rank = 2,
     .splits_backward = true},
    {.name = "seq1f1b",
     .description = "1F1B over pieces of each micro-batch's sequence",
     .placement = "line",
     .shapes = "1..127 pieces",
     .stages_per_rank = 1,
     .fields = kPieces,
     .own_summation_order = true},
    {.name = "pipedream",
     .description = "an update after every backward, stashed weight versions",
     .placement = "line",
     .shapes = "at most 32768 micro-batches",
     .stages_per_rank = 1,
     .fields = kVerticalSync,
     .synchronous = false},
    {.name = "pipedream-2bw",
     .description = "an update per batch of micro-batches, two weight versions",
     .placement = "line",
     .shapes = "update_every >= P divides the micro-batches",
     .stages_per_rank = 1,
     .fields = kUpdateEvery,
     .synchronous = false},
}};

constexpr bool IsInOrder() {
  for (size_t i = 0; i < kCatalog.size(); ++i) {
    if (kCatalog[i].name != kScheduleNames[i]) return false;
  }
  return true;
}
static_assert(IsInOrder());

struct Field {
  RequestField bit;
  std::string_view name;
  int value;
};

std::string WhoKnows(RequestField bit) {
  std::vector<std::string_view> names;
  for (const ScheduleInfo& schedule : kCatalog) {
    if ((schedule.fields & bit) != 0) names.push_back(schedule.name);
  }
  return names.empty() ? "no schedule"
                       : fmt::format("{}", fmt::join(names, ", "));
}

absl::Status CheckSize(const ScheduleRequest& request, int stages_per_rank) {
  if (request.ranks < 1 || request.microbatches < 1) {
    return absl::InvalidArgumentError(
        fmt::format("a schedule needs at least one rank and one micro-batch, "
                    "not {} and {}",
                    request.ranks, request.microbatches));
  }
  // Two, where the schedule chooses: none chooses more.
  const int64_t stages =
      int64_t{request.ranks} * (stages_per_rank == 0 ? 2 : stages_per_rank);
  const int64_t pieces = request.pieces == 0 ? 1 : request.pieces;
  if (stages <= kStagesMax &&
      stages * pieces <= kCellsMax / request.microbatches) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(fmt::format(
      "{} ranks, {} micro-batches: a schedule has at most {} stages, and at "
      "most {} pairs of a stage and a micro-batch",
      request.ranks, request.microbatches, kStagesMax, kCellsMax));
}

absl::Status CheckStagesPerRank(const ScheduleInfo& schedule, int value) {
  if (value == 0 || schedule.stages_per_rank == value) return absl::OkStatus();
  if (schedule.stages_per_rank == 0 && value > 0) return absl::OkStatus();
  return absl::InvalidArgumentError(
      schedule.stages_per_rank == 0
          ? fmt::format("{}: stages_per_rank is {}, nearest legal: 1",
                        schedule.name, value)
          : fmt::format("{}: stages_per_rank is {}, but it has {}",
                        schedule.name, value, schedule.stages_per_rank));
}

}  // namespace

std::span<const ScheduleInfo> ScheduleCatalog() { return kCatalog; }

const ScheduleInfo* FindSchedule(std::string_view name) {
  for (const ScheduleInfo& schedule : kCatalog) {
    if (schedule.name == name) return &schedule;
  }
  return nullptr;
}

absl::Status CheckFields(const ScheduleInfo& schedule,
                         const ScheduleRequest& request) {
  RETURN_IF_ERROR(CheckStagesPerRank(schedule, request.stages_per_rank));
  for (const Field& field : {
           Field{kGroupSize, "group_size", request.group_size},
           Field{kSlack, "slack", request.slack},
           Field{kPieces, "pieces", request.pieces},
           Field{kActivationsMax, "activations_max", request.activations_max},
           Field{kVerticalSync, "vertical_sync", request.vertical_sync},
           Field{kUpdateEvery, "update_every", request.update_every},
       }) {
    if (field.value == 0) continue;
    if ((schedule.fields & field.bit) == 0) {
      return absl::InvalidArgumentError(
          fmt::format("{}: {} is {}, but only {} can have it", schedule.name,
                      field.name, field.value, WhoKnows(field.bit)));
    }
    if (field.value < 0) {
      return absl::InvalidArgumentError(
          fmt::format("{}: {} is {}, nearest legal: 0", schedule.name,
                      field.name, field.value));
    }
  }
  if (request.weight_input_share != 1 &&
      (schedule.fields & kActivationsMax) == 0) {
    return absl::InvalidArgumentError(fmt::format(
        "{}: weight_input_share is {}, but only {} can have it", schedule.name,
        request.weight_input_share, WhoKnows(kActivationsMax)));
  }
  return CheckSize(request, request.stages_per_rank == 0
                                ? schedule.stages_per_rank
                                : request.stages_per_rank);
}

}  // namespace penstock
