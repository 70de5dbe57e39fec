#include "coordinator/cli/trace_json.h"

#include <algorithm>
#include <limits>
#include <map>
#include <utility>
#include <vector>

#include "fmt/format.h"
#include "nlohmann/json.hpp"
#include "proto/action.h"
#include "proto/base/status_macros.h"

namespace penstock {
namespace {

using nlohmann::ordered_json;

// One action that was, or should be, executed.
struct Slice {
  Action action;
  int64_t begin_us = 0;
  int64_t end_us = 0;
};

using Programs = std::vector<std::vector<Action>>;

absl::StatusOr<Programs> ParsePrograms(const v1::Plan& plan) {
  Programs programs;
  for (const v1::RankPlan& rank : plan.ranks()) {
    ASSIGN_OR_RETURN(std::vector<Action> program, ParseProgram(rank.program()));
    programs.push_back(std::move(program));
  }
  return programs;
}

// Whether the trace is of this plan; an earlier one had other programs.
bool Matches(const v1::StepTrace& trace, const Programs& programs) {
  return trace.rank() >= 0 && trace.rank() < std::ssize(programs) &&
         trace.begin_us_size() == std::ssize(programs[trace.rank()]) &&
         trace.end_us_size() == trace.begin_us_size();
}

// Of a trace that matches.
std::vector<Slice> SlicesOf(const v1::StepTrace& trace,
                            const Programs& programs, int64_t start_us) {
  std::vector<Slice> slices;
  for (int i = 0; i < trace.begin_us_size(); ++i) {
    slices.push_back({programs[trace.rank()][i], start_us + trace.begin_us(i),
                      start_us + std::max(trace.begin_us(i), trace.end_us(i))});
  }
  return slices;
}

bool IsTransfer(const Action& action) {
  return IsSend(action.kind) || IsReceive(action.kind);
}

// When each replica's step began and how long it took, over its ranks.
struct StepSpan {
  int64_t begin_us = std::numeric_limits<int64_t>::max();
  int64_t last_begin_us = std::numeric_limits<int64_t>::min();
  int64_t length_us = 0;

  // The ranks' clocks are one clock.
  bool IsComparable() const { return last_begin_us - begin_us <= length_us; }
};

using StepKey = std::pair<int64_t, int>;  // Step, replica.

std::map<StepKey, StepSpan> SpansOf(const v1::GetTraceResponse& trace,
                                    const Programs& programs) {
  std::map<StepKey, StepSpan> spans;
  for (const v1::StepTrace& rank : trace.traces()) {
    if (!Matches(rank, programs)) continue;
    StepSpan& span = spans[{rank.step(), rank.replica()}];
    span.begin_us = std::min(span.begin_us, rank.start_us());
    span.last_begin_us = std::max(span.last_begin_us, rank.start_us());
    for (const uint32_t end_us : rank.end_us()) {
      span.length_us = std::max<int64_t>(span.length_us, end_us);
    }
  }
  return spans;
}

// Appends Chrome's events.
class Writer {
 public:
  explicit Writer(const v1::Job& job) : job_(job) {}

  // Slices of one rank and step, on tracks named by `kind`.
  void Add(int replica, int rank, int64_t step, const std::string& kind,
           std::vector<Slice> slices) {
    std::stable_sort(
        slices.begin(), slices.end(),
        [](const Slice& a, const Slice& b) { return a.begin_us < b.begin_us; });
    // The end of the last slice on each track; a track's slices never overlap.
    std::vector<int64_t> work_ends;
    std::vector<int64_t> transfer_ends;
    for (const Slice& slice : slices) {
      const bool transfer = IsTransfer(slice.action);
      std::vector<int64_t>& ends = transfer ? transfer_ends : work_ends;
      const auto lane = std::find_if(
          ends.begin(), ends.end(),
          [&](int64_t end_us) { return end_us <= slice.begin_us; });
      const auto index = lane - ends.begin();
      if (lane == ends.end()) ends.push_back(0);
      ends[index] = slice.end_us;
      std::string track = transfer ? kind + " transfers" : kind;
      if (index > 0) track += fmt::format(" {}", index + 1);
      AddSlice(ProcessOf(replica, rank), TrackOf(replica, rank, track), step,
               slice);
    }
  }

  std::string ToString() const {
    return ordered_json({{"displayTimeUnit", "ms"}, {"traceEvents", events_}})
        .dump(-1, ' ', /*ensure_ascii=*/true,
              ordered_json::error_handler_t::replace);
  }

 private:
  int ProcessOf(int replica, int rank) {
    const int process = replica * std::max(1, job_.plan().ranks_size()) + rank;
    if (!named_[process]) {
      named_[process] = true;
      AddName("process_name", process, 0, NameOf(replica, rank));
      events_.push_back({{"name", "process_sort_index"},
                         {"ph", "M"},
                         {"pid", process},
                         {"args", {{"sort_index", process}}}});
    }
    return process;
  }

  std::string NameOf(int replica, int rank) const {
    for (const v1::RankStatus& status : job_.ranks()) {
      if (status.replica() != replica || status.rank() != rank) continue;
      return fmt::format("replica {} rank {} ({})", replica, rank,
                         status.worker());
    }
    return fmt::format("replica {} rank {}", replica, rank);
  }

  int TrackOf(int replica, int rank, const std::string& name) {
    const int process = ProcessOf(replica, rank);
    std::map<std::string, int>& tracks = tracks_[process];
    const auto [track, added] = tracks.emplace(name, tracks.size() + 1);
    if (added) AddName("thread_name", process, track->second, name);
    return track->second;
  }

  void AddName(const std::string& what, int process, int track,
               const std::string& name) {
    events_.push_back({{"name", what},
                       {"ph", "M"},
                       {"pid", process},
                       {"tid", track},
                       {"args", {{"name", name}}}});
  }

  void AddSlice(int process, int track, int64_t step, const Slice& slice) {
    ordered_json arguments = {{"step", step}};
    if (slice.action.stage >= 0) arguments["stage"] = slice.action.stage;
    if (slice.action.microbatch >= 0) {
      arguments["microbatch"] = slice.action.microbatch;
    }
    events_.push_back({{"name", penstock::ToString(slice.action)},
                       {"ph", "X"},
                       {"pid", process},
                       {"tid", track},
                       {"ts", slice.begin_us},
                       {"dur", slice.end_us - slice.begin_us},
                       {"args", std::move(arguments)}});
  }

  const v1::Job& job_;
  std::map<int, bool> named_;
  std::map<int, std::map<std::string, int>> tracks_;  // By process and name.
  ordered_json events_ = ordered_json::array();
};

}  // namespace

absl::StatusOr<std::string> TraceJson(const v1::GetTraceResponse& trace) {
  ASSIGN_OR_RETURN(const Programs programs, ParsePrograms(trace.job().plan()));
  const std::map<StepKey, StepSpan> spans = SpansOf(trace, programs);
  if (spans.empty()) {
    return absl::FailedPreconditionError(
        "there is no trace yet; try again when the job has made a step");
  }
  int64_t origin_us = std::numeric_limits<int64_t>::max();
  for (const auto& [key, span] : spans) {
    origin_us = std::min(origin_us, span.begin_us);
  }
  Writer writer(trace.job());
  for (const v1::StepTrace& rank : trace.traces()) {
    if (!Matches(rank, programs)) continue;
    const StepSpan& span = spans.at({rank.step(), rank.replica()});
    const int64_t start_us =
        (span.IsComparable() ? rank.start_us() : span.begin_us) - origin_us;
    writer.Add(rank.replica(), rank.rank(), rank.step(), "measured",
               SlicesOf(rank, programs, start_us));
  }
  for (const auto& [key, span] : spans) {
    for (const v1::StepTrace& rank : trace.planned()) {
      if (!Matches(rank, programs)) continue;
      writer.Add(key.second, rank.rank(), key.first, "planned",
                 SlicesOf(rank, programs, span.begin_us - origin_us));
    }
  }
  return writer.ToString();
}

}  // namespace penstock
