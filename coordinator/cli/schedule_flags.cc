#include "coordinator/cli/schedule_flags.h"

#include <cmath>

#include "fmt/format.h"
#include "proto/base/status_macros.h"

namespace penstock {
namespace {

struct CostFlag {
  const char* name;
  const char* description;
  std::vector<double> CostFlags::*values;
};

constexpr CostFlag kCostFlags[] = {
    {"--forward-us", "Time of F", &CostFlags::forward_us},
    {"--input-grad-us", "Time of I, the input's gradient",
     &CostFlags::input_gradient_us},
    {"--weight-grad-us", "Time of W, the weights' gradient",
     &CostFlags::weight_gradient_us},
    {"--overlapped-pair-us", "Time of an F and a B that overlap; their sum",
     &CostFlags::overlapped_pair_us},
    {"--transfer-us", "Latency of a link between stages",
     &CostFlags::transfer_us},
    {"--bandwidth-gbps", "Gigabits per second of a link; needs bytes",
     &CostFlags::bandwidth_gbps},
    {"--boundary-bytes", "Bytes that cross a link per micro-batch",
     &CostFlags::boundary_bytes},
};

// The value of stage or link `index`, of `count` of them.
absl::StatusOr<double> ValueAt(const CostFlag& flag, const CostFlags& flags,
                               int index, int count, double otherwise) {
  const std::vector<double>& values = flags.*flag.values;
  if (values.empty()) return otherwise;
  if (values.size() != 1 && std::ssize(values) != count) {
    return absl::InvalidArgumentError(
        fmt::format("{} has {} values; give one for all, or {}", flag.name,
                    values.size(), count));
  }
  const double value = values.size() == 1 ? values[0] : values[index];
  if (!std::isfinite(value) || value < 0) {
    return absl::InvalidArgumentError(fmt::format(
        "{}: {} is no time or amount; 0 or more is", flag.name, value));
  }
  return value;
}

absl::StatusOr<StageTimes> TimesOf(const CostFlags& flags, int slice,
                                   int slices) {
  StageTimes times;
  ASSIGN_OR_RETURN(times.forward,
                   ValueAt(kCostFlags[0], flags, slice, slices, 1));
  ASSIGN_OR_RETURN(times.input_gradient,
                   ValueAt(kCostFlags[1], flags, slice, slices, 1));
  ASSIGN_OR_RETURN(times.weight_gradient,
                   ValueAt(kCostFlags[2], flags, slice, slices, 1));
  ASSIGN_OR_RETURN(
      times.overlapped_pair,
      ValueAt(kCostFlags[3], flags, slice, slices, times.overlapped_pair));
  return times;
}

absl::StatusOr<Hop> HopOf(const CostFlags& flags, int link, int links) {
  Hop hop;
  ASSIGN_OR_RETURN(hop.latency, ValueAt(kCostFlags[4], flags, link, links, 0));
  ASSIGN_OR_RETURN(const double gbps,
                   ValueAt(kCostFlags[5], flags, link, links, 0));
  ASSIGN_OR_RETURN(const double bytes,
                   ValueAt(kCostFlags[6], flags, link, links, 0));
  if (flags.bandwidth_gbps.empty()) return hop;
  if (gbps == 0) {
    return absl::InvalidArgumentError(
        "--bandwidth-gbps: 0 carries nothing; leave it out for a link without "
        "limit");
  }
  hop.occupancy = bytes * 8 / (gbps * 1000);
  return hop;
}

}  // namespace

bool CostFlags::empty() const {
  for (const CostFlag& flag : kCostFlags) {
    if (!(this->*flag.values).empty()) return false;
  }
  return true;
}

void AddCostFlags(CLI::App& command, CostFlags& flags) {
  for (const CostFlag& flag : kCostFlags) {
    command.add_option(flag.name, flags.*flag.values, flag.description)
        ->delimiter(',')
        ->allow_extra_args(false)
        ->group("Costs: one value, or one per stage or link with commas")
        ->option_text("X[,X...]");
  }
}

absl::StatusOr<ScheduleCosts> SliceCosts(const CostFlags& flags, int slices) {
  if (flags.bandwidth_gbps.empty() != flags.boundary_bytes.empty()) {
    return absl::InvalidArgumentError(
        "--bandwidth-gbps and --boundary-bytes only say something together");
  }
  ScheduleCosts costs;
  for (int slice = 0; slice < slices; ++slice) {
    ASSIGN_OR_RETURN(costs.stages.emplace_back(),
                     TimesOf(flags, slice, slices));
    if (slice + 1 == slices) break;
    ASSIGN_OR_RETURN(costs.hops.emplace_back(),
                     HopOf(flags, slice, slices - 1));
  }
  return costs;
}

absl::StatusOr<ScheduleCosts> CostsOf(const CostFlags& flags,
                                      const Schedule& schedule) {
  ASSIGN_OR_RETURN(const ScheduleCosts slices,
                   SliceCosts(flags, schedule.stages_per_copy()));
  ScheduleCosts costs = slices;
  for (int copy = 1; copy < schedule.copies; ++copy) {
    // Nothing travels from a copy's last stage to the next copy's first.
    costs.hops.emplace_back();
    costs.stages.insert(costs.stages.end(), slices.stages.begin(),
                        slices.stages.end());
    costs.hops.insert(costs.hops.end(), slices.hops.begin(), slices.hops.end());
  }
  return costs;
}

void AddScheduleFlags(CLI::App& command, ScheduleFlags& flags) {
  ScheduleRequest& request = flags.request;
  const auto add = [&](const char* name, int& value, const char* description) {
    return command.add_option(name, value, description)
        ->check(CLI::NonNegativeNumber)
        ->option_text("N")
        ->group("Schedule");
  };
  command
      .add_option("--schedule", flags.name,
                  "One of those of `penstock schedule list`, or auto")
      ->option_text("NAME")
      ->group("Schedule");
  add("--ranks", request.ranks, "Ranks of the pipeline");
  add("--microbatches", request.microbatches, "Micro-batches per step");
  add("--stages-per-rank", request.stages_per_rank,
      "Stages (chunks) per rank; the schedule's own");
  add("--group-size", request.group_size,
      "interleaved: micro-batches that pass a stage before the next turn");
  add("--slack", request.slack,
      "1f1b-slack: times 1F1B's warm-up; by the costs");
  add("--pieces", request.pieces, "seq1f1b: pieces of each sequence; 2");
  add("--activations-max", request.activations_max,
      "zb-auto, auto: stage activations a rank may hold; as 1F1B");
  add("--update-every", request.update_every,
      "pipedream-2bw: micro-batches per update; as many as ranks");
  command
      .add_option("--weight-input-share", request.weight_input_share,
                  "zb-auto, auto: share of an activation that W needs; 1")
      ->check(CLI::Range(0.0, 1.0))
      ->option_text("X")
      ->group("Schedule");
  command
      .add_flag("--vertical-sync", request.vertical_sync,
                "pipedream: one weight version per micro-batch on all stages")
      ->group("Schedule");
  command
      .add_option(
          "--recompute", flags.recompute,
          "Forward again before backward instead of keeping activations")
      ->check(CLI::IsMember({"never", "always", "except_last"}))
      ->option_text("never|always|except_last")
      ->group("Schedule");
}

void AddSearchFlags(CLI::App& command, ScheduleFlags& flags) {
  constexpr char kGroup[] = "Schedule auto";
  command.add_option("--seed", flags.seed, "Of the search; same, same answer")
      ->capture_default_str()
      ->group(kGroup);
  command
      .add_option("--budget", flags.budget,
                  "Schedules to try; or how long, such as 10s, which makes the "
                  "answer depend on the machine")
      ->option_text("N|DURATION")
      ->capture_default_str()
      ->group(kGroup);
  command
      .add_option("--objective", flags.objective,
                  "The whole step, or the longest time of one rank")
      ->check(CLI::IsMember({"makespan", "span"}))
      ->option_text("makespan|span")
      ->capture_default_str()
      ->group(kGroup);
  command
      .add_flag("--two-copies", flags.two_copies,
                "Each rank may hold two stages of the model's two copies")
      ->group(kGroup);
}

}  // namespace penstock
