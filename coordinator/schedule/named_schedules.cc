#include "coordinator/schedule/named_schedules.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "coordinator/schedule/generators.h"
#include "fmt/format.h"
#include "proto/schedule_names.h"

namespace penstock {
namespace {

// Sums of activations are compared with limits; they are not exact.
constexpr double kRounding = 1e-9;

struct Variant {
  std::string name;
  ScheduleRequest request;
};

// What every rank can hold of any of its stages' activations.
int ActivationsMax(const PipelineInstance& instance) {
  double most = std::numeric_limits<int>::max();
  for (int stage = 0; stage < instance.stages(); ++stage) {
    most = std::min(most, instance.memory_max[instance.rank_of_stage[stage]] /
                                  instance.memory[stage].activation +
                              kRounding);
  }
  return static_cast<int>(most);
}

double WeightInputShare(const PipelineInstance& instance) {
  double share = 0;
  for (const ActivationMemory& memory : instance.memory) {
    share = std::max(share, memory.weight_input / memory.activation);
  }
  return share;
}

std::vector<Variant> VariantsOf(std::string_view name,
                                const PlacedInstance& placed) {
  const PipelineInstance& instance = placed.instance;
  ScheduleRequest request{.ranks = instance.ranks,
                          .microbatches = instance.microbatches,
                          .costs = instance.costs};
  request.stages_per_rank = instance.stages() / instance.ranks;
  std::vector<Variant> variants;
  if (name == "zb-auto" || name == "zbv-auto") {
    request.activations_max = ActivationsMax(instance);
    request.weight_input_share = WeightInputShare(instance);
  }
  variants.push_back({std::string(name), request});
  if (name == "1f1b-slack") {
    for (request.slack = 2; request.slack <= 4; ++request.slack) {
      variants.push_back(
          {fmt::format("{} (slack {})", name, request.slack), request});
    }
  } else if (name == "interleaved-1f1b") {
    request.group_size = instance.ranks + 1;
    variants.push_back(
        {fmt::format("{} (group size {})", name, request.group_size), request});
  }
  return variants;
}

std::string RefusalOf(const PipelineInstance& instance,
                      const Schedule& schedule) {
  if (schedule.rank_of_stage != instance.rank_of_stage ||
      schedule.copies != instance.copies) {
    return "places its stages otherwise";
  }
  if (schedule.pieces > 1) return "cuts micro-batches into pieces";
  for (const std::vector<Action>& program : schedule.programs) {
    for (const Action& action : program) {
      if (action.version >= 0) return "uses several versions of the weights";
    }
  }
  if (!KeepsToMemory(instance, schedule.programs)) {
    return "holds more than the memory";
  }
  return "";
}

}  // namespace

std::vector<NamedAttempt> GenerateNamed(const PlacedInstance& placed) {
  std::vector<NamedAttempt> attempts;
  for (const std::string& name : ScheduleNames()) {
    for (const Variant& variant : VariantsOf(name, placed)) {
      NamedAttempt attempt{variant.name, {}, ""};
      absl::StatusOr<Schedule> schedule = Generate(name, variant.request);
      if (schedule.ok()) {
        attempt.refusal = RefusalOf(placed.instance, *schedule);
        attempt.schedule = *std::move(schedule);
      } else {
        attempt.refusal = std::string(schedule.status().message());
      }
      attempts.push_back(std::move(attempt));
    }
  }
  return attempts;
}

}  // namespace penstock
