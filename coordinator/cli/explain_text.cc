#include "coordinator/cli/explain_text.h"

#include <optional>

#include "absl/time/time.h"
#include "coordinator/cli/quantity_text.h"
#include "coordinator/cli/table.h"
#include "coordinator/planner/revision_obstacle.h"
#include "fmt/format.h"
#include "nlohmann/json.hpp"

namespace penstock {
namespace {

using nlohmann::ordered_json;

std::string SecondsText(double seconds) {
  return DurationText(absl::Seconds(seconds));
}

// None where the next stage is on the same rank, or there is none.
std::optional<Hop> HopOf(const Plan& plan, const ScheduleCosts& costs,
                         size_t stage) {
  if (stage + 1 >= plan.stages.size() ||
      IsLastStage(plan, static_cast<int>(stage)) ||
      plan.stages[stage].rank == plan.stages[stage + 1].rank) {
    return std::nullopt;
  }
  return costs.hops[stage];
}

std::string Heading(const Plan& plan, const Explanation& explanation) {
  std::string text = fmt::format(
      "{}: schedule {}{}\n", plan.spec.name, plan.schedule,
      plan.revision == 0 ? "" : fmt::format(", revision {}", plan.revision));
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
  const std::optional<Hop> hop = HopOf(plan, costs, stage);
  table.AddRow({std::to_string(stage), std::to_string(plan.stages[stage].rank),
                which, SecondsText(times.forward),
                SecondsText(times.input_gradient),
                SecondsText(times.weight_gradient),
                hop.has_value() ? SecondsText(hop->latency) : "-",
                hop.has_value() ? SecondsText(hop->occupancy) : "-"});
}

// "0-1, 2-3": hops that were waited for and whose latency and occupancy could
// not be told from each other.
std::string AssumedHops(const Plan& plan, const Explanation& explanation) {
  std::string text;
  for (size_t i = 0; i < explanation.hops_separated.size(); ++i) {
    if (explanation.hops_separated[i] ||
        !HopOf(plan, explanation.measured.costs, i).has_value()) {
      continue;
    }
    text += fmt::format("{}{}-{}", text.empty() ? "" : ", ", i, i + 1);
  }
  return text;
}

std::string HopNote(const Plan& plan, const Explanation& explanation) {
  const std::string assumed = AssumedHops(plan, explanation);
  if (assumed.empty()) return "";
  return fmt::format(
      "Hops {}: no tensor had to wait for the one before it, so how long one "
      "keeps the\nlink busy is assumed as planned and the rest is latency.\n",
      assumed);
}

std::string RevisionLine(const v1::PlanRevision& revision) {
  const bool kept = revision.schedule() == revision.schedule_before();
  std::string text = fmt::format(
      "  after step {}: {}", revision.step(),
      kept ? "keeps " + revision.schedule()
           : revision.schedule_before() + " -> " + revision.schedule());
  if (revision.predicted_seconds() > 0) {
    text += fmt::format(", predicted {} a step",
                        SecondsText(revision.predicted_seconds()));
  }
  return fmt::format("{} (revision {})\n    {}\n", text, revision.revision(),
                     revision.reason());
}

std::string RevisionsText(const Plan& plan,
                          const PlanRevisionMessages& revisions) {
  const std::string obstacle = RevisionObstacle(plan);
  if (!obstacle.empty()) {
    return fmt::format("The plan is not made again from measurements: {}\n",
                       obstacle);
  }
  if (revisions.empty()) {
    return "The plan has not been made again from measurements yet\n";
  }
  std::string text = "Made again from measurements:\n";
  for (const v1::PlanRevision& revision : revisions) {
    text += RevisionLine(revision);
  }
  return text;
}

ordered_json RevisionsJson(const PlanRevisionMessages& revisions) {
  ordered_json list = ordered_json::array();
  for (const v1::PlanRevision& revision : revisions) {
    list.push_back({{"epoch", revision.epoch()},
                    {"revision", revision.revision()},
                    {"step", revision.step()},
                    {"schedule_before", revision.schedule_before()},
                    {"schedule", revision.schedule()},
                    {"reason", revision.reason()},
                    {"measured_seconds", revision.measured_seconds()},
                    {"predicted_seconds", revision.predicted_seconds()}});
  }
  return list;
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
    const Hop hop = HopOf(plan, step.costs, i).value_or(Hop{});
    stages.push_back({{"rank", plan.stages[i].rank},
                      {"forward_seconds", times.forward},
                      {"input_gradient_seconds", times.input_gradient},
                      {"weight_gradient_seconds", times.weight_gradient},
                      {"hop_latency_seconds", hop.latency},
                      {"hop_occupancy_seconds", hop.occupancy}});
  }
  return {{"step_seconds", step.step},
          {"ranks", std::move(ranks)},
          {"stages", std::move(stages)}};
}

}  // namespace

std::string ExplanationText(const Plan& plan, const Explanation& explanation,
                            const PlanRevisionMessages& revisions, int width) {
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
                "WEIGHT GRAD>", "HOP LATENCY>", "HOP BUSY>"});
  for (size_t stage = 0; stage < plan.stages.size(); ++stage) {
    AddStage(plan, stage, "planned", planned.costs, stages);
    if (explanation.steps == 0) continue;
    AddStage(plan, stage, "measured", measured.costs, stages);
  }
  return fmt::format("{}\n{}\n{}{}\n{}\n{}\n", Heading(plan, explanation),
                     ranks.ToString(width), stages.ToString(width),
                     HopNote(plan, explanation), RevisionsText(plan, revisions),
                     explanation.advice);
}

std::string ExplanationJson(const Plan& plan, const Explanation& explanation,
                            const PlanRevisionMessages& revisions,
                            bool indented) {
  ordered_json json = {{"name", plan.spec.name},
                       {"schedule", plan.schedule},
                       {"revision", plan.revision},
                       {"steps_measured", explanation.steps},
                       {"planned", StepJson(plan, explanation.planned)}};
  if (explanation.steps > 0) {
    json["measured"] = StepJson(plan, explanation.measured);
    json["hop_occupancy_measured"] = explanation.hops_separated;
  }
  json["revisions"] = RevisionsJson(revisions);
  json["revision_obstacle"] = RevisionObstacle(plan);
  json["advice"] = explanation.advice;
  return json.dump(indented ? 1 : -1);
}

}  // namespace penstock
