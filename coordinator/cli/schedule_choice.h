#ifndef COORDINATOR_CLI_SCHEDULE_CHOICE_H_
#define COORDINATOR_CLI_SCHEDULE_CHOICE_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "coordinator/cli/schedule_flags.h"
#include "coordinator/schedule/costs.h"
#include "coordinator/schedule/schedule.h"
#include "coordinator/schedule/synthesize.h"
#include "nlohmann/json.hpp"

namespace penstock {

// The schedule that flags ask for, compute-only, with the costs of its stages.
struct ChosenSchedule {
  Schedule schedule;
  ScheduleCosts costs;
  std::optional<SynthesizeResult> synthesis;  // Of "auto".
};

// A named schedule, made by the costs where its rule uses them; or "auto", for
// a model of so many slices as there are ranks times stages per rank.
//
// Errors:
//   InvalidArgument: there is no name, or a flag that Generate, CostsOf or
//     Synthesize refuses.
//   ResourceExhausted: "auto" finds none that fits.
absl::StatusOr<ChosenSchedule> ChooseSchedule(const ScheduleFlags& flags,
                                              const CostFlags& costs);

// How far the answer is from the lower bound, and why not the next best.
std::string SynthesisText(const SynthesizeResult& result);
nlohmann::ordered_json SynthesisJson(const SynthesizeResult& result);

}  // namespace penstock

#endif  // COORDINATOR_CLI_SCHEDULE_CHOICE_H_
