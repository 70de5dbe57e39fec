#ifndef TESTS_GPU_PROFILE_REPORT_H_
#define TESTS_GPU_PROFILE_REPORT_H_

#include <optional>
#include <string>
#include <vector>

#include "nlohmann/json.hpp"
#include "tests/gpu/ceilings.h"
#include "tests/gpu/roofline.h"
#include "tests/gpu/step_profile.h"

namespace penstock::gpu {

// All calls of one operation in a step.
struct OperationShare {
  std::string operation;
  int64_t calls = 0;
  int64_t flops = 0;
  int64_t bytes = 0;
  double predicted_seconds = 0;
  // Measured, without what launching and waiting take; 0 without a device.
  double seconds = 0;
};

// What a step is made of and how long that takes, by `rates` and, with
// `ceilings`, on the device that was profiled.
struct ProfileReport {
  StepProfile profile;
  std::optional<Ceilings> ceilings;
  std::vector<OperationShare> operations;  // The longest first.
  double predicted_seconds = 0;            // Of the step: all of them.
  double seconds = 0;

  double predicted_tokens_per_second() const {
    return static_cast<double>(profile.tokens()) / predicted_seconds;
  }
};

ProfileReport ReportOn(const StepProfile& profile, const Rates& rates,
                       const std::optional<Ceilings>& ceilings);

// A table of the `rows` longest operations; 0 for all.
std::string ToText(const ProfileReport& report, int rows);

// One line for all: the tokens a second that are predicted, or the slowest
// operations.
std::string SummaryOf(const std::vector<ProfileReport>& reports);

nlohmann::json ToJson(const ProfileReport& report);

}  // namespace penstock::gpu

#endif  // TESTS_GPU_PROFILE_REPORT_H_
