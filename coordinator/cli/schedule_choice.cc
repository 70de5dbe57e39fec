#include "coordinator/cli/schedule_choice.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <limits>
#include <utility>

#include "absl/time/time.h"
#include "coordinator/cli/quantity_text.h"
#include "coordinator/schedule/add_recompute.h"
#include "coordinator/schedule/generators.h"
#include "fmt/format.h"
#include "proto/base/clock.h"
#include "proto/base/status_macros.h"
#include "proto/schedule_names.h"

namespace penstock {
namespace {

// Far above what a search can do.
constexpr int64_t kSlicesMax = 4096;

absl::StatusOr<Schedule> Named(const ScheduleFlags& flags,
                               const CostFlags& costs) {
  ScheduleRequest request = flags.request;
  ASSIGN_OR_RETURN(Schedule schedule, Generate(flags.name, request));
  if (costs.empty()) return schedule;
  // How many stages there are, only the schedule itself says.
  ASSIGN_OR_RETURN(request.costs, CostsOf(costs, schedule));
  return Generate(flags.name, request);
}

// Sets how long the search goes on: a number of schedules, or a duration.
absl::Status SetBudget(const std::string& budget, SynthesizeRequest& request) {
  const char* const end = budget.data() + budget.size();
  const auto [rest, error] =
      std::from_chars(budget.data(), end, request.evaluations);
  if (error == std::errc() && rest == end) return absl::OkStatus();
  absl::Duration duration;
  if (!absl::ParseDuration(budget, &duration) ||
      duration <= absl::ZeroDuration()) {
    return absl::InvalidArgumentError(fmt::format(
        "--budget: \"{}\" is neither a number of schedules nor a duration "
        "like 10s",
        budget));
  }
  request.evaluations = std::numeric_limits<int>::max();
  request.stop = [deadline = SteadyNow() + duration] {
    return SteadyNow() >= deadline;
  };
  return absl::OkStatus();
}

absl::StatusOr<SynthesizeResult> Search(const ScheduleFlags& flags,
                                        const CostFlags& costs) {
  SynthesizeRequest request;
  request.ranks = flags.request.ranks;
  request.microbatches = flags.request.microbatches;
  request.stages_per_rank_max = std::max(1, flags.request.stages_per_rank);
  request.two_copies = flags.two_copies;
  request.seed = flags.seed;
  request.objective =
      flags.objective == "span" ? Objective::kSpan : Objective::kMakespan;
  const int64_t slices = int64_t{request.ranks} * request.stages_per_rank_max;
  if (slices < 1 || slices > kSlicesMax) {
    return absl::InvalidArgumentError(fmt::format(
        "auto needs 1 to {} stages, ranks times stages per rank, not {}",
        kSlicesMax, slices));
  }
  ASSIGN_OR_RETURN(request.slices, SliceCosts(costs, static_cast<int>(slices)));
  request.memory.assign(static_cast<size_t>(slices),
                        {.weight_input = flags.request.weight_input_share});
  const int64_t activations = flags.request.activations_max > 0
                                  ? flags.request.activations_max
                                  : slices;
  request.memory_max.assign(static_cast<size_t>(request.ranks),
                            static_cast<double>(activations));
  RETURN_IF_ERROR(SetBudget(flags.budget, request));
  return Synthesize(request);
}

}  // namespace

absl::StatusOr<ChosenSchedule> ChooseSchedule(const ScheduleFlags& flags,
                                              const CostFlags& costs) {
  if (flags.name.empty()) {
    return absl::InvalidArgumentError(
        fmt::format("--schedule is missing; there are {} and {}",
                    fmt::join(ScheduleNames(), ", "), kAutoSchedule));
  }
  ChosenSchedule chosen;
  if (flags.name == kAutoSchedule) {
    ASSIGN_OR_RETURN(chosen.synthesis, Search(flags, costs));
    chosen.schedule = chosen.synthesis->schedule;
    chosen.costs = chosen.synthesis->costs;
  } else {
    ASSIGN_OR_RETURN(chosen.schedule, Named(flags, costs));
    ASSIGN_OR_RETURN(chosen.costs, CostsOf(costs, chosen.schedule));
  }
  if (flags.recompute == "never") return chosen;
  const RecomputePolicy policy = flags.recompute == "always"
                                     ? RecomputeAlways()
                                     : RecomputeAllButLast(chosen.schedule);
  chosen.schedule = AddRecompute(std::move(chosen.schedule), policy);
  return chosen;
}

std::string SynthesisText(const SynthesizeResult& result) {
  std::string text = fmt::format(
      "\n{}: {:.6g}; lower bound {:.6g}, gap {}; {} schedules tried\n",
      result.searched ? "made by search" : "a named schedule is the best",
      result.value, result.lower_bound, PercentText(result.gap()),
      result.evaluations);
  for (const NamedSchedule& named : result.named) {
    text += named.value >= 0
                ? fmt::format("  {} ({} per rank): {:.6g}\n", named.name,
                              named.stages_per_rank, named.value)
                : fmt::format("  {} ({} per rank): {}\n", named.name,
                              named.stages_per_rank, named.refusal);
  }
  if (!result.runner_up.empty()) {
    text += fmt::format("second: {}, {:.6g}: {}\n", result.runner_up,
                        result.runner_up_value, result.why);
  }
  return text;
}

nlohmann::ordered_json SynthesisJson(const SynthesizeResult& result) {
  nlohmann::ordered_json named = nlohmann::ordered_json::array();
  for (const NamedSchedule& each : result.named) {
    nlohmann::ordered_json entry = {{"name", each.name},
                                    {"stages_per_rank", each.stages_per_rank}};
    if (each.value >= 0) {
      entry["value_us"] = each.value;
    } else {
      entry["refusal"] = each.refusal;
    }
    named.push_back(entry);
  }
  return {{"value_us", result.value},
          {"lower_bound_us", result.lower_bound},
          {"gap", result.gap()},
          {"searched", result.searched},
          {"schedules_tried", result.evaluations},
          {"runner_up", result.runner_up},
          {"runner_up_value_us", result.runner_up_value},
          {"why", result.why},
          {"named", named}};
}

}  // namespace penstock
