#include "coordinator/cli/explain_text.h"

#include "absl/time/time.h"
#include "coordinator/cli/quantity_text.h"
#include "coordinator/cli/table.h"
#include "fmt/format.h"
#include "nlohmann/json.hpp"

namespace penstock {
namespace {

using nlohmann::ordered_json;

std::string SecondsText(double seconds) {
  return DurationText(absl::Seconds(seconds));
}

// 0 where the next stage is on the same rank, or there is none.
double HopOf(const Plan& plan, const ScheduleCosts& costs, size_t stage) {
  if (stage + 1 >= plan.stages.size() ||
      IsLastStage(plan, static_cast<int>(stage)) ||
      plan.stages[stage].rank == plan.stages[stage + 1].rank) {
    return 0;
  }
  return costs.hops[stage].latency + costs.hops[stage].occupancy;
}

std::string Heading(const Plan& plan, const Explanation& explanation) {
  std::string text =
      fmt::format("{}: schedule {}\n", plan.spec.name, plan.schedule);
  text += fmt::format("Step planned {}", SecondsText(explanation.planned.step));
  if (explanation.steps == 0) return text + ", not measured yet\n";
  return text + fmt::format(", measured {} over {} step{}\n",
                            SecondsText(explanation.measured.step),
                            explanation.steps,
                            explanation.steps == 1 ? "" : "s");
}

void AddRank(size_t rank, const std::string& which, const RankShares& shares,
             Table& table) {
  const BubbleCauses& causes = shares.causes;
  table.AddRow({std::to_string(rank), which, PercentText(shares.busy),
                PercentText(causes.fill), PercentText(causes.drain),
                PercentText(causes.latency), PercentText(causes.memory),
                PercentText(causes.imbalance), PercentText(shares.other)});
}

void AddStage(const Plan& plan, size_t stage, const std::string& which,
              const ScheduleCosts& costs, Table& table) {
  const StageTimes& times = costs.stages[stage];
  const double hop = HopOf(plan, costs, stage);
  table.AddRow(
      {std::to_string(stage), std::to_string(plan.stages[stage].rank), which,
       SecondsText(times.forward), SecondsText(times.input_gradient),
       SecondsText(times.weight_gradient), hop > 0 ? SecondsText(hop) : "-"});
}

ordered_json StepJson(const Plan& plan, const StepExplanation& step) {
  ordered_json ranks = ordered_json::array();
  for (const RankShares& rank : step.ranks) {
    ranks.push_back({{"busy", rank.busy},
                     {"fill", rank.causes.fill},
                     {"drain", rank.causes.drain},
                     {"latency", rank.causes.latency},
                     {"memory", rank.causes.memory},
                     {"imbalance", rank.causes.imbalance},
                     {"other", rank.other}});
  }
  ordered_json stages = ordered_json::array();
  for (size_t i = 0; i < step.costs.stages.size(); ++i) {
    const StageTimes& times = step.costs.stages[i];
    stages.push_back({{"rank", plan.stages[i].rank},
                      {"forward_seconds", times.forward},
                      {"input_gradient_seconds", times.input_gradient},
                      {"weight_gradient_seconds", times.weight_gradient},
                      {"hop_seconds", HopOf(plan, step.costs, i)}});
  }
  return {{"step_seconds", step.step},
          {"ranks", std::move(ranks)},
          {"stages", std::move(stages)}};
}

}  // namespace

std::string ExplanationText(const Plan& plan, const Explanation& explanation,
                            int width) {
  const StepExplanation& planned = explanation.planned;
  const StepExplanation& measured = explanation.measured;
  Table ranks({"RANK>", "", "BUSY>", "FILL>", "DRAIN>", "LATENCY>", "MEMORY>",
               "IMBALANCE>", "OTHER>"});
  for (size_t rank = 0; rank < planned.ranks.size(); ++rank) {
    AddRank(rank, "planned", planned.ranks[rank], ranks);
    if (explanation.steps == 0) continue;
    AddRank(rank, "measured", measured.ranks[rank], ranks);
  }
  Table stages({"STAGE>", "RANK>", "", "FORWARD>", "INPUT GRAD>",
                "WEIGHT GRAD>", "HOP>"});
  for (size_t stage = 0; stage < plan.stages.size(); ++stage) {
    AddStage(plan, stage, "planned", planned.costs, stages);
    if (explanation.steps == 0) continue;
    AddStage(plan, stage, "measured", measured.costs, stages);
  }
  return fmt::format("{}\n{}\n{}\n{}\n", Heading(plan, explanation),
                     ranks.ToString(width), stages.ToString(width),
                     explanation.advice);
}

std::string ExplanationJson(const Plan& plan, const Explanation& explanation,
                            bool indented) {
  ordered_json json = {{"name", plan.spec.name},
                       {"schedule", plan.schedule},
                       {"steps_measured", explanation.steps},
                       {"planned", StepJson(plan, explanation.planned)}};
  if (explanation.steps > 0) {
    json["measured"] = StepJson(plan, explanation.measured);
  }
  json["advice"] = explanation.advice;
  return json.dump(indented ? 1 : -1);
}

}  // namespace penstock
