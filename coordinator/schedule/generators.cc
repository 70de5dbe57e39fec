#include "coordinator/schedule/generators.h"

#include <array>

#include "coordinator/schedule/gpipe.h"
#include "coordinator/schedule/naive.h"
#include "coordinator/schedule/one_forward_one_backward.h"
#include "fmt/format.h"
#include "proto/base/nearest_name.h"

namespace penstock {
namespace {

struct Generator {
  std::string_view name;
  Schedule (*generate)(const PipelineShape& shape);
};

constexpr std::array<Generator, 3> kGenerators = {{
    {"naive", Naive},
    {"gpipe", GPipe},
    {"1f1b", OneForwardOneBackward},
}};

}  // namespace

std::vector<std::string> ScheduleNames() {
  std::vector<std::string> names;
  for (const Generator& generator : kGenerators) {
    names.emplace_back(generator.name);
  }
  return names;
}

absl::StatusOr<Schedule> Generate(std::string_view name,
                                  const PipelineShape& shape) {
  if (shape.stages < 1 || shape.microbatches < 1) {
    return absl::InvalidArgumentError(
        fmt::format("a schedule needs at least one stage and one micro-batch, "
                    "not {} and {}",
                    shape.stages, shape.microbatches));
  }
  for (const Generator& generator : kGenerators) {
    if (generator.name == name) return generator.generate(shape);
  }
  const std::string nearest = NearestName(name, ScheduleNames());
  return absl::InvalidArgumentError(fmt::format(
      "no schedule is called \"{}\"; there are {}{}", name,
      fmt::join(ScheduleNames(), ", "),
      nearest.empty() ? "" : fmt::format("; did you mean {}?", nearest)));
}

}  // namespace penstock
