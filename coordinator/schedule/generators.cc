#include "coordinator/schedule/generators.h"

#include <array>

#include "coordinator/schedule/chimera.h"
#include "coordinator/schedule/dualpipe.h"
#include "coordinator/schedule/dualpipev.h"
#include "coordinator/schedule/gpipe.h"
#include "coordinator/schedule/gpipe_lifo.h"
#include "coordinator/schedule/hanayo.h"
#include "coordinator/schedule/interleaved_1f1b.h"
#include "coordinator/schedule/interleaved_zb.h"
#include "coordinator/schedule/looped_bfs.h"
#include "coordinator/schedule/naive.h"
#include "coordinator/schedule/one_forward_one_backward.h"
#include "coordinator/schedule/pipedream.h"
#include "coordinator/schedule/pipedream_2bw.h"
#include "coordinator/schedule/schedule_catalog.h"
#include "coordinator/schedule/seq1f1b.h"
#include "coordinator/schedule/slack_1f1b.h"
#include "coordinator/schedule/v_1f1b.h"
#include "coordinator/schedule/v_half.h"
#include "coordinator/schedule/zb_auto.h"
#include "coordinator/schedule/zb_h1.h"
#include "coordinator/schedule/zb_h2.h"
#include "coordinator/schedule/zbv.h"
#include "fmt/format.h"
#include "proto/base/nearest_name.h"
#include "proto/base/status_macros.h"
#include "proto/schedule_names.h"

namespace penstock {
namespace {

struct Generator {
  std::string_view name;
  absl::StatusOr<Schedule> (*generate)(const ScheduleRequest& request);
};

constexpr std::array<Generator, kScheduleNames.size()> kGenerators = {{
    {"naive", Naive},
    {"gpipe", GPipe},
    {"gpipe-lifo", GPipeLifo},
    {"1f1b", OneForwardOneBackward},
    {"1f1b-slack", Slack1F1B},
    {"interleaved-1f1b", Interleaved1F1B},
    {"looped-bfs", LoopedBfs},
    {"zb-h1", ZbH1},
    {"zb-h2", ZbH2},
    {"interleaved-zb", InterleavedZb},
    {"zb-auto", ZbAuto},
    {"zbv", Zbv},
    {"zbv-auto", ZbvAuto},
    {"v-half", VHalf},
    {"v-min", VMin},
    {"v-1f1b", V1F1B},
    {"chimera", Chimera},
    {"hanayo", Hanayo},
    {"dualpipe", DualPipe},
    {"dualpipev", DualPipeV},
    {"seq1f1b", Seq1F1B},
    {"pipedream", PipeDream},
    {"pipedream-2bw", PipeDream2Bw},
}};

}  // namespace

absl::StatusOr<Schedule> Generate(std::string_view name,
                                  const ScheduleRequest& request) {
  for (const Generator& generator : kGenerators) {
    if (generator.name != name) continue;
    RETURN_IF_ERROR(CheckFields(*FindSchedule(name), request));
    return generator.generate(request);
  }
  const std::vector<std::string> names = ScheduleNames();
  const std::string nearest = NearestName(name, names);
  return absl::InvalidArgumentError(fmt::format(
      "no schedule is called \"{}\"; there are {}{}", name,
      fmt::join(names, ", "),
      nearest.empty() ? "" : fmt::format("; did you mean {}?", nearest)));
}

}  // namespace penstock
