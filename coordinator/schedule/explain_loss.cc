#include "coordinator/schedule/explain_loss.h"

#include <string_view>

#include "coordinator/schedule/bubble.h"
#include "coordinator/schedule/simulate.h"
#include "fmt/format.h"
#include "proto/base/status_macros.h"

namespace penstock {
namespace {

struct Cause {
  std::string_view name;
  double BubbleCauses::*time;
};

constexpr Cause kCauses[] = {{"fill", &BubbleCauses::fill},
                             {"drain", &BubbleCauses::drain},
                             {"latency", &BubbleCauses::latency},
                             {"memory", &BubbleCauses::memory},
                             {"imbalance", &BubbleCauses::imbalance}};

double Mean(const Simulation& simulation, double BubbleCauses::*time) {
  double sum = 0;
  for (const BubbleCauses& causes : simulation.bubbles) sum += causes.*time;
  return sum / static_cast<double>(simulation.bubbles.size());
}

}  // namespace

absl::StatusOr<std::string> ExplainLoss(const Schedule& winner,
                                        const ScheduleCosts& winner_costs,
                                        const Schedule& loser,
                                        const ScheduleCosts& loser_costs,
                                        std::string_view unit) {
  const SimulationOptions options{.explain_bubbles = true};
  ASSIGN_OR_RETURN(const Simulation best,
                   Simulate(winner, winner_costs, options));
  ASSIGN_OR_RETURN(const Simulation other,
                   Simulate(loser, loser_costs, options));
  const Cause* most = &kCauses[0];
  const auto more = [&](const Cause& cause) {
    return Mean(other, cause.time) - Mean(best, cause.time);
  };
  for (const Cause& cause : kCauses) {
    if (more(cause) > more(*most)) most = &cause;
  }
  if (!(more(*most) > 0)) return "it is idle no longer for any cause";
  return fmt::format(
      "a rank is idle {:.6g}{} longer for {} ({:.6g}, not {:.6g}) on average",
      more(*most), unit, most->name, Mean(other, most->time),
      Mean(best, most->time));
}

}  // namespace penstock
