#include "coordinator/schedule/schedule_csv.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "fmt/format.h"
#include "proto/base/status_macros.h"

namespace penstock {
namespace {

// Takes what lies before the next `separator`, or all.
std::string_view TakeUntil(std::string_view& text, char separator) {
  const std::string_view part = text.substr(0, text.find(separator));
  text.remove_prefix(std::min(text.size(), part.size() + 1));
  return part;
}

// One action, or the two of a compound one.
absl::StatusOr<std::vector<Action>> ParseCell(std::string_view cell) {
  if (cell.find(' ') != std::string_view::npos) {
    return absl::InvalidArgumentError(
        fmt::format("\"{}\" has a space; cells are separated by commas", cell));
  }
  return ParseProgram(cell);
}

absl::Status ParseRow(std::string_view line, size_t row, ScheduleCsv& csv) {
  std::vector<Action>& program = csv.schedule.programs.emplace_back();
  std::vector<int>& idle = csv.idle_slots.emplace_back();
  const auto columns = std::count(line.begin(), line.end(), ',') + 1;
  for (int64_t column = 1; column <= columns; ++column) {
    const absl::StatusOr<std::vector<Action>> cell =
        ParseCell(TakeUntil(line, ','));
    if (!cell.ok()) {
      return absl::InvalidArgumentError(
          fmt::format("row {}, column {}: {}", row, column,
                      std::string(cell.status().message())));
    }
    if (cell->empty()) idle.push_back(static_cast<int>(program.size()));
    program.insert(program.end(), cell->begin(), cell->end());
  }
  return absl::OkStatus();
}

// What the actions of a file name.
struct Extent {
  int stages = 0;
  int microbatches = 0;
  int pieces = 1;
  int64_t actions = 0;
};

bool NamesMicrobatch(const Action& action) {
  return action.microbatch >= 0 && action.kind != ActionKind::kUpdate;
}

Extent ExtentOf(const Schedule& schedule) {
  Extent extent;
  for (const std::vector<Action>& program : schedule.programs) {
    extent.actions += static_cast<int64_t>(program.size());
    for (const Action& action : program) {
      extent.stages = std::max(extent.stages, action.stage + 1);
      extent.pieces = std::max(extent.pieces, action.piece + 1);
      if (!NamesMicrobatch(action)) continue;
      extent.microbatches =
          std::max(extent.microbatches, action.microbatch + 1);
    }
  }
  return extent;
}

absl::StatusOr<std::vector<int>> PlaceByRule(Placement placement, int ranks,
                                             int stages) {
  if (stages % ranks != 0) {
    return absl::InvalidArgumentError(
        fmt::format("{} stages do not fit {} ranks evenly; give the rank of "
                    "each stage, such as 0,1,1,0",
                    stages, ranks));
  }
  if (placement == Placement::kBidirectional && stages != 2 * ranks) {
    return absl::InvalidArgumentError(
        fmt::format("a bidirectional schedule of {} ranks has {} stages, not "
                    "{}",
                    ranks, 2 * ranks, stages));
  }
  return RankOfStage(placement, ranks, stages / ranks);
}

absl::StatusOr<std::vector<int>> Place(const StagePlacement& placement,
                                       int ranks, int stages) {
  if (const auto* rule = std::get_if<Placement>(&placement)) {
    return PlaceByRule(*rule, ranks, stages);
  }
  const auto& rank_of_stage = std::get<std::vector<int>>(placement);
  if (static_cast<int>(rank_of_stage.size()) < stages) {
    return absl::InvalidArgumentError(
        fmt::format("the schedule has stage {}, but the placement names the "
                    "ranks of {} stages",
                    stages - 1, rank_of_stage.size()));
  }
  return rank_of_stage;
}

bool IsBidirectional(const Schedule& schedule) {
  const int stages = schedule.stages() / 2;
  const int microbatches = schedule.microbatches / 2;
  if (schedule.stages() % 2 != 0 || schedule.microbatches % 2 != 0 ||
      microbatches == 0) {
    return false;
  }
  for (const std::vector<Action>& program : schedule.programs) {
    for (const Action& action : program) {
      if (!NamesMicrobatch(action)) continue;
      if ((action.stage < stages) != (action.microbatch < microbatches)) {
        return false;
      }
    }
  }
  return true;
}

}  // namespace

absl::StatusOr<ScheduleCsv> ParseScheduleCsv(std::string_view text,
                                             const StagePlacement& placement) {
  ScheduleCsv csv;
  Schedule& schedule = csv.schedule;
  while (!text.empty()) {
    std::string_view line = TakeUntil(text, '\n');
    if (line.ends_with('\r')) line.remove_suffix(1);
    RETURN_IF_ERROR(ParseRow(line, schedule.programs.size() + 1, csv));
  }
  const Extent extent = ExtentOf(schedule);
  if (extent.stages == 0) {
    return absl::InvalidArgumentError("there is no action of any stage");
  }
  // Before anything is as large as what a file claims.
  if (extent.stages > extent.actions) {
    return absl::InvalidArgumentError(
        fmt::format("there is stage {}, but there are only {} actions",
                    extent.stages - 1, extent.actions));
  }
  schedule.microbatches = extent.microbatches;
  schedule.pieces = extent.pieces;
  ASSIGN_OR_RETURN(schedule.rank_of_stage,
                   Place(placement, schedule.ranks(), extent.stages));
  const auto* rule = std::get_if<Placement>(&placement);
  const bool bidirectional = rule == nullptr
                                 ? IsBidirectional(schedule)
                                 : *rule == Placement::kBidirectional;
  schedule.copies = bidirectional ? 2 : 1;
  return csv;
}

std::string ToCsv(const ScheduleCsv& csv) {
  std::string text;
  for (size_t rank = 0; rank < csv.schedule.programs.size(); ++rank) {
    const std::vector<Action>& program = csv.schedule.programs[rank];
    auto idle = csv.idle_slots[rank].begin();
    const auto idle_end = csv.idle_slots[rank].end();
    std::vector<std::string> cells;
    for (int i = 0; i <= static_cast<int>(program.size()); ++i) {
      for (; idle != idle_end && *idle == i; ++idle) cells.emplace_back();
      if (i == static_cast<int>(program.size())) break;
      if (program[i].overlaps_next && i + 1 < std::ssize(program)) {
        cells.push_back(ToString({program[i], program[i + 1]}));
        ++i;
      } else {
        cells.push_back(ToString(program[i]));
      }
    }
    text += fmt::format("{}\n", fmt::join(cells, ","));
  }
  return text;
}

std::string ToCsv(const Schedule& schedule) {
  ScheduleCsv csv;
  csv.schedule = schedule;
  csv.idle_slots.resize(schedule.programs.size());
  return ToCsv(csv);
}

}  // namespace penstock
