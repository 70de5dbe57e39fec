#include "coordinator/planner/solve/closed_objectives.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "coordinator/planner/solve/chain_search.h"
#include "coordinator/planner/solve/layout.h"
#include "coordinator/planner/solve/load_search.h"
#include "fmt/format.h"
#include "proto/base/status_macros.h"

namespace penstock {
namespace {

// The textbook's memory rule: no workspace.
RecomputeRule RuleOf(const SolveProblem& problem) {
  return {.policy = problem.recompute};
}

int64_t DeviceCount(const SolveProblem& problem) {
  return static_cast<int64_t>(problem.devices.size());
}

absl::Status CheckOptions(const SolveProblem& problem) {
  const bool load = problem.objective == SolveObjective::kDeviceLoad;
  const auto refuse = [](const std::string& field, const std::string& must) {
    return absl::InvalidArgumentError(
        fmt::format("options.{}: must be {} for this objective", field, must));
  };
  if (problem.data_widths.size() > 1 ||
      (problem.data_widths.size() == 1 && problem.data_widths[0] != 1)) {
    return refuse("data_widths", "1");
  }
  if (!problem.schedules.empty()) return refuse("schedules", "absent");
  if (problem.objective != SolveObjective::kOneFOneBBound &&
      problem.micro_batch_sizes.size() != 1) {
    return refuse("micro_batch_sizes", "one");
  }
  if (load && (problem.drop_devices || problem.reorder_devices)) {
    return refuse("drop_devices and reorder_devices", "false");
  }
  if (!load && problem.stages_per_rank.size() > 0 &&
      problem.stages_per_rank != std::vector<int64_t>{1}) {
    return refuse("stages_per_rank", "1");
  }
  if (load && problem.stages_per_rank.size() > 1) {
    return refuse("stages_per_rank", "one number");
  }
  for (const int64_t width : problem.pipeline_widths) {
    if (width == DeviceCount(problem)) continue;
    if (!problem.drop_devices) {
      return refuse("pipeline_widths",
                    "the number of devices, unless devices "
                    "may be dropped,");
    }
  }
  return absl::OkStatus();
}

std::vector<int64_t> WidthsOf(const SolveProblem& problem) {
  if (!problem.pipeline_widths.empty()) return problem.pipeline_widths;
  if (!problem.drop_devices) return {DeviceCount(problem)};
  std::vector<int64_t> widths;
  const int64_t layers = static_cast<int64_t>(problem.layers.size());
  for (int64_t width = std::min(DeviceCount(problem), layers); width > 0;
       --width) {
    widths.push_back(width);
  }
  return widths;
}

Solution Summarize(const SolveProblem& problem, const TickScale& scale,
                   const SolveChoice& choice, LaidOut laid_out, int64_t value) {
  return {.choice = choice,
          .stages = std::move(laid_out.stages),
          .ranks = std::move(laid_out.ranks),
          .value = scale.ToText(value),
          .value_us = scale.ToMicroseconds(static_cast<double>(value)),
          .exact = scale.exact(),
          .budget = problem.budget};
}

void SetBound(Solution& solution, const TickScale& scale, bool complete,
              int64_t bound) {
  solution.optimal = complete;
  solution.lower_bound_us =
      complete ? solution.value_us
               : scale.ToMicroseconds(static_cast<double>(bound));
  solution.gap = solution.lower_bound_us > 0
                     ? solution.value_us / solution.lower_bound_us - 1
                     : 0;
}

// One pipeline width and micro-batch size.
struct ChainCase {
  int64_t width = 0;
  int64_t micro_batch_size = 0;
  int64_t micro_batches = 0;
};

std::vector<ChainCase> CasesOf(const SolveProblem& problem) {
  std::vector<ChainCase> cases;
  for (const int64_t size : problem.micro_batch_sizes) {
    if (problem.global_batch % size != 0) continue;
    for (const int64_t width : WidthsOf(problem)) {
      if (width > static_cast<int64_t>(problem.layers.size())) continue;
      cases.push_back({width, size, problem.global_batch / size});
    }
  }
  return cases;
}

class ChainSolver {
 public:
  ChainSolver(const SolveProblem& problem, const TickScale& scale)
      : problem_(problem),
        scale_(scale),
        devices_(problem.devices, problem.drop_devices,
                 problem.reorder_devices),
        budget_(problem.budget) {}

  absl::StatusOr<Solution> Run() {
    for (const ChainCase& chain_case : CasesOf(problem_)) Try(chain_case);
    if (!best_.has_value()) return Refusal();
    ASSIGN_OR_RETURN(Solution solution, Describe());
    SetBound(solution, scale_, complete_, std::min(bound_, best_->value));
    solution.work = problem_.budget - std::max<int64_t>(budget_, 0);
    return solution;
  }

 private:
  ChainQuery QueryOf(const ChainCase& chain_case, const StageModel& model,
                     const DeviceSequence& devices) const {
    const bool bound = problem_.objective == SolveObjective::kOneFOneBBound;
    const int64_t width = chain_case.width;
    const int64_t micro_batches = chain_case.micro_batches;
    return {.model = model,
            .scale = scale_,
            .devices = devices,
            .stages = width,
            .sum_weight = bound ? 1 : 0,
            .max_weight = bound ? micro_batches - 1 : 1,
            .in_flight =
                [=](int64_t stage) {
                  return std::min(width - stage, micro_batches);
                },
            .recompute = RuleOf(problem_),
            .value_below = best_.has_value()
                               ? best_->value
                               : std::numeric_limits<int64_t>::max()};
  }

  void Try(const ChainCase& chain_case) {
    const StageModel model(problem_, chain_case.micro_batch_size);
    if (problem_.reorder_devices) TryInTurn(chain_case, model);
    const ChainQuery query = QueryOf(chain_case, model, devices_);
    const ChainResult result = SearchChain(query, budget_);
    Keep(chain_case, result, devices_, {});
    if (result.complete) return;
    complete_ = false;
    bound_ = std::min(bound_, LeastValue(query));
    if (!best_.has_value()) TryInTurn(chain_case, model);
  }

  // With the fastest devices first: a value to begin with.
  void TryInTurn(const ChainCase& chain_case, const StageModel& model) {
    std::vector<int> order;
    for (int64_t i = 0; i < DeviceCount(problem_); ++i) {
      order.push_back(static_cast<int>(i));
    }
    std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
      return problem_.devices[a].speed_millionths >
             problem_.devices[b].speed_millionths;
    });
    order.resize(chain_case.width);
    if (!problem_.reorder_devices) std::sort(order.begin(), order.end());
    std::vector<SolveDevice> devices;
    for (const int device : order) {
      devices.push_back(problem_.devices[device]);
    }
    const DeviceSequence in_turn(devices, false, false);
    int64_t budget = problem_.budget;
    Keep(chain_case, SearchChain(QueryOf(chain_case, model, in_turn), budget),
         in_turn, order);
  }

  // `order` names the devices of the sequence; empty: they are the problem's.
  void Keep(const ChainCase& chain_case, const ChainResult& result,
            const DeviceSequence& devices, const std::vector<int>& order) {
    if (!result.chain.has_value()) return;
    best_ = result.chain;
    best_case_ = chain_case;
    best_devices_ = devices.Devices(result.chain->types);
    if (order.empty()) return;
    for (int& device : best_devices_) device = order[device];
  }

  int64_t LeastValue(const ChainQuery& query) const {
    int64_t fastest = 0;
    for (const SolveDevice& device : problem_.devices) {
      fastest = std::max(fastest, device.speed_millionths);
    }
    int64_t slowest_layer = 0;
    for (int64_t layer = 0; layer < query.model.layers(); ++layer) {
      slowest_layer = std::max(
          slowest_layer,
          scale_.Work(query.model.layer(layer).times.total(), fastest));
    }
    const int64_t all = scale_.Work(
        query.model.Times(0, query.model.layers()).total(), fastest);
    return query.sum_weight * all +
           query.max_weight *
               std::max(slowest_layer, (all - 1) / query.stages + 1);
  }

  Layout LayoutOf(const ChainCase& chain_case) const {
    Layout layout{.cuts = best_->cuts};
    for (int64_t rank = 0; rank < chain_case.width; ++rank) {
      layout.rank_of_stage.push_back(static_cast<int>(rank));
      layout.in_flight.push_back(
          std::min(chain_case.width - rank, chain_case.micro_batches));
      layout.devices.push_back({best_devices_[rank]});
    }
    return layout;
  }

  absl::StatusOr<Solution> Describe() {
    const StageModel model(problem_, best_case_.micro_batch_size);
    ASSIGN_OR_RETURN(LaidOut laid_out,
                     LayOut(problem_, model, scale_, RuleOf(problem_),
                            LayoutOf(best_case_)));
    complete_ = complete_ && laid_out.recomputes_least;
    const SolveChoice choice = {.pipeline = best_case_.width,
                                .micro_batch_size = best_case_.micro_batch_size,
                                .micro_batches = best_case_.micro_batches};
    return Summarize(problem_, scale_, choice, std::move(laid_out),
                     best_->value);
  }

  absl::Status Refusal() const {
    return absl::FailedPreconditionError(fmt::format(
        "no partition of {} layers over {} devices fits{}",
        problem_.layers.size(), problem_.devices.size(),
        complete_ ? ": every one was tried" : "; not all could be tried"));
  }

  const SolveProblem& problem_;
  const TickScale& scale_;
  const DeviceSequence devices_;
  int64_t budget_;
  bool complete_ = true;
  int64_t bound_ = std::numeric_limits<int64_t>::max();
  std::optional<Chain> best_;
  ChainCase best_case_;
  std::vector<int> best_devices_;
};

absl::StatusOr<Solution> SolveLoad(const SolveProblem& problem,
                                   const TickScale& scale) {
  const StageModel model(problem, problem.micro_batch_sizes[0]);
  const int64_t ranks = DeviceCount(problem);
  const int64_t stages_per_rank =
      problem.stages_per_rank.empty() ? 1 : problem.stages_per_rank[0];
  const int64_t stages = ranks * stages_per_rank;
  if (stages > model.layers()) {
    return absl::FailedPreconditionError(
        fmt::format("{} layers cannot be cut into {} x {} stages",
                    model.layers(), ranks, stages_per_rank));
  }
  const LoadQuery query = {.model = model,
                           .scale = scale,
                           .devices = problem.devices,
                           .stages_per_rank = stages_per_rank};
  int64_t budget = problem.budget;
  const LoadResult result = SearchLoad(query, budget);
  if (!result.cuts.has_value()) {
    return absl::FailedPreconditionError(
        result.complete ? "no cuts fit the devices' memory"
                        : "options.budget: it ended before any cuts were found;"
                          " must be larger");
  }
  Layout layout{.cuts = *result.cuts};
  for (int64_t stage = 0; stage < stages; ++stage) {
    layout.rank_of_stage.push_back(static_cast<int>(stage % ranks));
    layout.in_flight.push_back(1);
  }
  for (int64_t rank = 0; rank < ranks; ++rank) {
    layout.devices.push_back({static_cast<int>(rank)});
  }
  ASSIGN_OR_RETURN(LaidOut laid_out,
                   LayOut(problem, model, scale,
                          {.policy = SolveRecompute::kNever}, layout));
  const SolveChoice choice = {
      .pipeline = ranks,
      .stages_per_rank = stages_per_rank,
      .micro_batch_size = problem.micro_batch_sizes[0],
      .micro_batches = problem.global_batch / problem.micro_batch_sizes[0]};
  Solution solution =
      Summarize(problem, scale, choice, std::move(laid_out), result.value);
  SetBound(solution, scale, result.complete, result.value);
  solution.work = problem.budget - std::max<int64_t>(budget, 0);
  return solution;
}

}  // namespace

absl::StatusOr<Solution> SolveClosedObjective(const SolveProblem& problem,
                                              const TickScale& scale) {
  RETURN_IF_ERROR(CheckOptions(problem));
  if (problem.objective == SolveObjective::kDeviceLoad) {
    return SolveLoad(problem, scale);
  }
  return ChainSolver(problem, scale).Run();
}

}  // namespace penstock
