#include "coordinator/planner/replan.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "coordinator/planner/alternatives.h"
#include "fmt/format.h"
#include "proto/base/status_macros.h"

namespace penstock {
namespace {

std::string Milliseconds(double seconds) {
  return fmt::format("{:.3g} ms", seconds * 1e3);
}

Replanned Turn(const Plan& plan, Plan next, double measured,
               std::string reason) {
  next.revision = plan.revision + 1;
  next.schedule_reason = reason;
  const double predicted = absl::ToDoubleSeconds(next.step_time);
  return {.plan = std::move(next),
          .reason = std::move(reason),
          .measured = measured,
          .predicted = predicted};
}

bool HasSamePrograms(const Plan& a, const Plan& b) {
  return std::equal(a.ranks.begin(), a.ranks.end(), b.ranks.begin(),
                    b.ranks.end(),
                    [](const RankPlan& left, const RankPlan& right) {
                      return left.program == right.program;
                    });
}

// The fastest but for the plan in force, which comes first and may come again
// under its name; null for none.
const Alternative* FastestOther(const std::vector<Alternative>& found) {
  const Alternative* best = nullptr;
  for (const Alternative& other : found) {
    if (HasSamePrograms(other.plan, found.front().plan)) continue;
    if (best == nullptr || other.step < best->step) best = &other;
  }
  return best;
}

// "zb-h1 would save 1.2 %", "the next best, gpipe, would take 3 % longer".
std::string WhyNot(const Alternative* best, double now) {
  if (best == nullptr) return "no other schedule is defined for these stages";
  const double gain = 100 * (1 - best->step / now);
  if (std::abs(gain) < 0.1) {
    return fmt::format("the next best, {}, would take as long", best->schedule);
  }
  if (gain > 0) {
    return fmt::format("{} would save only {:.2g} %", best->schedule, gain);
  }
  return fmt::format("the next best, {}, would take {:.2g} % longer",
                     best->schedule, -gain);
}

}  // namespace

absl::StatusOr<Replanned> Replan(const Plan& plan, const Profile& profile,
                                 const std::vector<int64_t>& memory_bytes,
                                 int64_t steps_left,
                                 const ReplanOptions& options) {
  ASSIGN_OR_RETURN(std::vector<Alternative> found,
                   FindAlternatives(plan, profile, memory_bytes));
  const Alternative& now = found.front();
  const Alternative* best = FastestOther(found);
  const double gain = best == nullptr ? 0 : now.step - best->step;
  const std::string measured =
      fmt::format("a step took {}", Milliseconds(profile.step));
  if (gain > options.gain_min * now.step &&
      gain * static_cast<double>(steps_left) > options.cost_steps * now.step) {
    return Turn(plan, best->plan, profile.step,
                fmt::format("{}: {} saves {:.0f} %", measured, best->schedule,
                            100 * gain / now.step));
  }
  const std::string kept = WhyNot(best, now.step);
  const double forecast = absl::ToDoubleSeconds(plan.step_time);
  if (std::abs(forecast - now.step) <= options.forecast_error * now.step) {
    return Replanned{.reason = fmt::format("{}: {}", measured, kept),
                     .measured = profile.step,
                     .predicted = forecast};
  }
  return Turn(plan, now.plan, profile.step,
              fmt::format("{}, forecast {}: {}", measured,
                          Milliseconds(forecast), kept));
}

}  // namespace penstock
