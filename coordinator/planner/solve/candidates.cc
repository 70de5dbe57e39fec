#include "coordinator/planner/solve/candidates.h"

#include <algorithm>
#include <set>
#include <utility>

#include "coordinator/planner/solve/evaluate.h"
#include "coordinator/planner/solve/layout.h"
#include "coordinator/planner/solve/stage_model.h"
#include "fmt/format.h"
#include "proto/schedule_names.h"

namespace penstock {
namespace {

// The first two update weights within a step: other results, not only other
// times. The rest are found by a search, too slow for every point.
const std::set<std::string>& OnlyWhenAsked() {
  static const auto& names = *new std::set<std::string>{
      "pipedream", "pipedream-2bw", "zb-auto", "zbv-auto", "v-half", "v-min"};
  return names;
}

std::vector<std::string> SchedulesOf(const SolveProblem& problem) {
  if (!problem.schedules.empty()) return problem.schedules;
  std::vector<std::string> names;
  for (const std::string& name : ScheduleNames()) {
    if (!OnlyWhenAsked().contains(name)) names.push_back(name);
  }
  return names;
}

std::vector<int64_t> OrElse(const std::vector<int64_t>& values,
                            int64_t otherwise) {
  return values.empty() ? std::vector<int64_t>{otherwise} : values;
}

std::vector<int64_t> WidthsFor(const SolveProblem& problem, int64_t data) {
  if (!problem.pipeline_widths.empty()) return problem.pipeline_widths;
  const auto devices = static_cast<int64_t>(problem.devices.size());
  if (!problem.drop_devices) return {std::max<int64_t>(1, devices / data)};
  std::vector<int64_t> widths;
  for (int64_t width = 1; width * data <= devices; ++width) {
    widths.push_back(width);
  }
  return widths;
}

class Enumeration {
 public:
  Enumeration(const SolveProblem& problem, const TickScale& scale)
      : problem_(problem), scale_(scale) {}

  Candidates Run() {
    for (const int64_t size : problem_.micro_batch_sizes) {
      const StageModel model(problem_, size);
      for (const int64_t data : OrElse(problem_.data_widths, 1)) {
        for (const int64_t width : WidthsFor(problem_, data)) {
          AddLayout(
              model,
              {.pipeline = width, .data = data, .micro_batch_size = size});
        }
      }
    }
    std::stable_sort(result_.possible.begin(), result_.possible.end(),
                     [](const Candidate& a, const Candidate& b) {
                       return a.lower_bound < b.lower_bound;
                     });
    return std::move(result_);
  }

 private:
  // All schedules on one mesh.
  void AddLayout(const StageModel& model, SolveChoice choice) {
    const std::string reason = WhyNot(choice);
    choice.micro_batches =
        problem_.global_batch / (choice.data * choice.micro_batch_size);
    if (!reason.empty()) {
      result_.impossible.push_back({choice, reason});
      return;
    }
    const DeviceOrders orders =
        OrdersOf(problem_, choice.pipeline, choice.data);
    for (const std::string& schedule : SchedulesOf(problem_)) {
      for (const int64_t stages : OrElse(problem_.stages_per_rank, 0)) {
        choice.schedule = schedule;
        choice.stages_per_rank = stages;
        Add(model, choice, orders);
      }
    }
  }

  std::string WhyNot(const SolveChoice& choice) const {
    const auto devices = static_cast<int64_t>(problem_.devices.size());
    const int64_t needed = choice.pipeline * choice.data;
    if (needed > devices || (needed < devices && !problem_.drop_devices)) {
      return fmt::format("{} x {} ranks for {} devices", choice.data,
                         choice.pipeline, devices);
    }
    const int64_t samples = choice.data * choice.micro_batch_size;
    if (problem_.global_batch % samples == 0) return "";
    return fmt::format(
        "{} samples cannot be cut into micro-batches of {} for {} replicas",
        problem_.global_batch, choice.micro_batch_size, choice.data);
  }

  void Add(const StageModel& model, SolveChoice choice,
           const DeviceOrders& orders) {
    // A schedule has at least an F and a B for each of these.
    const int64_t cells = choice.pipeline * choice.micro_batches *
                          std::max<int64_t>(1, choice.stages_per_rank);
    if (result_.actions + 2 * cells > problem_.budget / 2) {
      result_.complete = false;
      result_.impossible.push_back(
          {choice, "not tried: options.budget is used up"});
      return;
    }
    const auto shape = ScheduleOf(choice);
    if (!shape.ok()) {
      result_.impossible.push_back(
          {choice, std::string(shape.status().message())});
      return;
    }
    for (const auto& program : shape->programs) {
      result_.actions += static_cast<int64_t>(program.size());
    }
    choice.stages_per_rank = shape->stages() / shape->ranks();
    const int64_t slices = shape->stages_per_copy();
    if (slices > model.layers()) {
      result_.impossible.push_back(
          {choice,
           fmt::format("{} stages for {} layers", slices, model.layers())});
      return;
    }
    Candidate candidate{.choice = choice,
                        .shape = *shape,
                        .bound_shape = BoundShapeOf(*shape),
                        .orders = orders};
    std::vector<SolveDevice> ranks;
    for (const auto& rank : orders.orders[0]) {
      ranks.push_back(WeakestOf(problem_, rank));
    }
    candidate.lower_bound = LeastMakespan(model, scale_, candidate.bound_shape,
                                          ranks, shape->copies);
    result_.possible.push_back(std::move(candidate));
  }

  const SolveProblem& problem_;
  const TickScale& scale_;
  Candidates result_;
};

}  // namespace

Candidates EnumerateCandidates(const SolveProblem& problem,
                               const TickScale& scale) {
  return Enumeration(problem, scale).Run();
}

}  // namespace penstock
