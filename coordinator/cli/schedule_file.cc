#include "coordinator/cli/schedule_file.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>
#include <vector>

#include "fmt/format.h"
#include "proto/base/file.h"
#include "proto/base/status_macros.h"

namespace penstock {
namespace {

struct PlacementName {
  std::string_view name;
  Placement placement;
};

constexpr PlacementName kPlacements[] = {
    {"loop", Placement::kLoop},
    {"v", Placement::kWave},
    {"wave", Placement::kWave},
    {"bidirectional", Placement::kBidirectional},
};

std::optional<std::vector<int>> ParseRanks(std::string_view text) {
  std::vector<int> ranks;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (true) {
    const auto [next, error] = std::from_chars(at, end, ranks.emplace_back());
    if (error != std::errc() || ranks.back() < 0) return std::nullopt;
    if (next == end) return ranks;
    if (*next != ',') return std::nullopt;
    at = next + 1;
  }
}

bool IsLowered(const Schedule& schedule) {
  return std::any_of(schedule.programs.begin(), schedule.programs.end(),
                     [](const std::vector<Action>& program) {
                       return std::any_of(program.begin(), program.end(),
                                          [](const Action& action) {
                                            return !IsCompute(action.kind) &&
                                                   action.kind !=
                                                       ActionKind::kUpdate;
                                          });
                     });
}

void AddOptimizers(Schedule& schedule) {
  for (std::vector<Action>& program : schedule.programs) {
    const bool there =
        std::any_of(program.begin(), program.end(), [](const Action& action) {
          return action.kind == ActionKind::kOptimizer;
        });
    if (there) continue;
    program.push_back(
        {.stage = -1, .kind = ActionKind::kOptimizer, .microbatch = -1});
  }
}

}  // namespace

void AddPlacementFlag(CLI::App& command, ScheduleFileFlags& flags) {
  command
      .add_option("--placement", flags.placement,
                  "Of the file's stages: loop, v, wave, bidirectional, or the "
                  "rank of each stage such as 0,1,1,0")
      ->option_text("PLACEMENT")
      ->group("File");
}

absl::StatusOr<StagePlacement> ParsePlacement(std::string_view text) {
  for (const PlacementName& each : kPlacements) {
    if (each.name == text) return each.placement;
  }
  std::optional<std::vector<int>> ranks = ParseRanks(text);
  if (ranks.has_value()) return *std::move(ranks);
  return absl::InvalidArgumentError(
      fmt::format("--placement {}: must be loop, v, wave, bidirectional, or "
                  "the rank of each stage such as 0,1,1,0",
                  text.empty() ? "is missing" : fmt::format("\"{}\"", text)));
}

absl::StatusOr<ScheduleFile> ReadScheduleFile(const ScheduleFileFlags& flags) {
  ASSIGN_OR_RETURN(const StagePlacement placement,
                   ParsePlacement(flags.placement));
  ASSIGN_OR_RETURN(const std::string text, ReadFile(flags.path));
  absl::StatusOr<ScheduleCsv> csv = ParseScheduleCsv(text, placement);
  if (!csv.ok()) {
    return absl::InvalidArgumentError(
        fmt::format("{}: {}", flags.path, std::string(csv.status().message())));
  }
  ScheduleFile file{.schedule = std::move(csv->schedule)};
  if (flags.microbatches > 0) {
    file.schedule.microbatches = flags.microbatches;
  }
  file.lowered = IsLowered(file.schedule);
  if (file.lowered) AddOptimizers(file.schedule);
  return file;
}

}  // namespace penstock
