#include "coordinator/cli/solution_text.h"

#include <limits>
#include <set>
#include <vector>

#include "coordinator/cli/quantity_text.h"
#include "coordinator/cli/table.h"
#include "fmt/format.h"
#include "nlohmann/json.hpp"

namespace penstock {
namespace {

using Json = nlohmann::ordered_json;

constexpr int64_t kNoLimit = std::numeric_limits<int64_t>::max();

std::string ChoiceText(const SolveChoice& choice) {
  return fmt::format(
      "{}{} x {} ranks, {} x {} samples{}",
      choice.schedule.empty() ? "" : choice.schedule + ", ", choice.data,
      choice.pipeline, choice.micro_batches, choice.micro_batch_size,
      choice.stages_per_rank > 1
          ? fmt::format(", {} stages per rank", choice.stages_per_rank)
          : "");
}

std::string DevicesText(const SolveProblem& problem,
                        const std::vector<int>& devices) {
  std::vector<std::string> names;
  for (const int device : devices) {
    names.push_back(problem.devices[device].name);
  }
  return fmt::format("{}", fmt::join(names, ","));
}

std::string ValueText(const Solution& solution) {
  const std::string proof =
      solution.optimal
          ? "optimal"
          : fmt::format("not proven; lower bound {:.6g} us, gap {}",
                        solution.lower_bound_us, PercentText(solution.gap));
  return fmt::format("value {} us{}: {}\n", solution.value,
                     solution.exact ? "" : " (times rounded to ns)", proof);
}

std::string StagesText(const SolveProblem& problem, const Solution& solution,
                       int width) {
  Table table(
      {"STAGE>", "LAYERS", "RANK>", "DEVICES", "IN FLIGHT>", "RECOMPUTED>"});
  for (size_t i = 0; i < solution.stages.size(); ++i) {
    const SolvedStage& stage = solution.stages[i];
    table.AddRow({fmt::to_string(i),
                  fmt::format("{}-{}", stage.begin, stage.end - 1),
                  fmt::to_string(stage.rank),
                  DevicesText(problem, solution.ranks[stage.rank].devices),
                  fmt::to_string(stage.in_flight),
                  fmt::format("{} of {}", stage.recomputed.size(),
                              stage.end - stage.begin)});
  }
  return table.ToString(width);
}

std::string RanksText(const Solution& solution, int width) {
  Table table({"RANK>", "MEMORY>", "OF>"});
  for (size_t i = 0; i < solution.ranks.size(); ++i) {
    const SolvedRank& rank = solution.ranks[i];
    table.AddRow({fmt::to_string(i), BytesText(rank.memory_bytes),
                  rank.memory_limit_bytes == kNoLimit
                      ? "any"
                      : BytesText(rank.memory_limit_bytes)});
  }
  return table.ToString(width);
}

// The first of each schedule, which is its best.
std::string AlternativesText(const Solution& solution) {
  std::string text;
  std::set<std::string> seen = {solution.choice.schedule};
  for (const SolveAlternative& other : solution.alternatives) {
    if (!seen.insert(other.choice.schedule).second) continue;
    text += fmt::format(
        "  {}{}: {}\n", ChoiceText(other.choice),
        other.has_value ? fmt::format(", {:.6g} us", other.value_us) : "",
        other.reason);
  }
  return text.empty() ? "" : "not chosen:\n" + text;
}

Json ChoiceJson(const SolveChoice& choice) {
  Json json;
  if (!choice.schedule.empty()) json["schedule"] = choice.schedule;
  json["pipeline"] = choice.pipeline;
  json["data"] = choice.data;
  json["stages_per_rank"] = choice.stages_per_rank;
  json["micro_batch_size"] = choice.micro_batch_size;
  json["micro_batches"] = choice.micro_batches;
  return json;
}

Json StagesJson(const SolveProblem& problem, const Solution& solution) {
  Json stages = Json::array();
  for (const SolvedStage& stage : solution.stages) {
    Json recomputed = Json::array();
    for (const int64_t layer : stage.recomputed) {
      recomputed.push_back(problem.layers[layer].name);
    }
    stages.push_back({{"layer_begin", stage.begin},
                      {"layer_end", stage.end},
                      {"copy", stage.copy},
                      {"rank", stage.rank},
                      {"in_flight", stage.in_flight},
                      {"recomputed", recomputed}});
  }
  return stages;
}

Json RanksJson(const SolveProblem& problem, const Solution& solution) {
  Json ranks = Json::array();
  for (const SolvedRank& rank : solution.ranks) {
    Json devices = Json::array();
    for (const int device : rank.devices) {
      devices.push_back(
          {{"index", device}, {"name", problem.devices[device].name}});
    }
    Json json = {{"devices", devices}, {"memory_bytes", rank.memory_bytes}};
    if (rank.memory_limit_bytes != kNoLimit) {
      json["memory_limit_bytes"] = rank.memory_limit_bytes;
    }
    ranks.push_back(json);
  }
  return ranks;
}

Json AlternativesJson(const Solution& solution) {
  Json alternatives = Json::array();
  for (const SolveAlternative& other : solution.alternatives) {
    Json json = {{"choice", ChoiceJson(other.choice)}};
    if (other.has_value) json["value_us"] = other.value_us;
    json["reason"] = other.reason;
    alternatives.push_back(json);
  }
  return alternatives;
}

}  // namespace

std::string SolutionText(const SolveProblem& problem, const Solution& solution,
                         int width) {
  std::string text = ChoiceText(solution.choice) + "\n" + ValueText(solution);
  if (problem.objective == SolveObjective::kMakespan) {
    text += fmt::format("bubble {}\n", PercentText(solution.bubble_fraction));
  }
  text += "\n" + StagesText(problem, solution, width) + "\n" +
          RanksText(solution, width) + "\ncertificate:\n";
  for (const SolveCheck& check : solution.certificate) {
    text += fmt::format("  {:<4}{:<10}{}\n", check.holds ? "ok" : "NOT",
                        check.name, check.detail);
  }
  const std::string others = AlternativesText(solution);
  if (!others.empty()) text += "\n" + others;
  return text + fmt::format("\nwork {} of a budget of {}\n",
                            CountText(static_cast<double>(solution.work)),
                            CountText(static_cast<double>(solution.budget)));
}

std::string SolutionJson(const SolveProblem& problem, const Solution& solution,
                         OutputFormat format) {
  Json certificate = Json::array();
  for (const SolveCheck& check : solution.certificate) {
    certificate.push_back({{"check", check.name},
                           {"holds", check.holds},
                           {"detail", check.detail}});
  }
  Json json = {{"choice", ChoiceJson(solution.choice)},
               {"value", solution.value},
               {"value_us", solution.value_us},
               {"lower_bound_us", solution.lower_bound_us},
               {"gap", solution.gap},
               {"optimal", solution.optimal},
               {"exact", solution.exact}};
  if (problem.objective == SolveObjective::kMakespan) {
    json["bubble_fraction_makespan"] = solution.bubble_fraction;
  }
  json["stages"] = StagesJson(problem, solution);
  json["ranks"] = RanksJson(problem, solution);
  json["certificate"] = certificate;
  json["alternatives"] = AlternativesJson(solution);
  json["work"] = solution.work;
  json["budget"] = solution.budget;
  return json.dump(format == OutputFormat::kJson ? 2 : -1) + "\n";
}

}  // namespace penstock
