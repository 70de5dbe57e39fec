#include "coordinator/cli/timeline.h"

#include <algorithm>
#include <array>
#include <map>

#include "proto/action.h"

namespace penstock {
namespace {

struct Slice {
  char letter;
  double begin_us;  // On the clock that all rows share.
  double end_us;
};

char LetterOf(ActionKind kind) {
  switch (kind) {
    case ActionKind::kForward:
      return 'F';
    case ActionKind::kBackward:
      return 'B';
    case ActionKind::kBackwardInput:
      return 'I';
    case ActionKind::kBackwardWeight:
      return 'W';
    default:
      return '.';
  }
}

// The compute of one trace; nothing when trace and program do not match.
std::vector<Slice> SlicesOf(const v1::StepTrace& trace, const v1::Plan& plan) {
  if (trace.rank() < 0 || trace.rank() >= plan.ranks_size()) return {};
  const auto program = ParseProgram(plan.ranks(trace.rank()).program());
  if (!program.ok()) return {};
  const int count = std::min({static_cast<int>(program->size()),
                              trace.begin_us_size(), trace.end_us_size()});
  std::vector<Slice> slices;
  for (int i = 0; i < count; ++i) {
    if (!IsCompute((*program)[i].kind)) continue;
    const auto start = static_cast<double>(trace.start_us());
    slices.push_back({LetterOf((*program)[i].kind), start + trace.begin_us(i),
                      start + trace.end_us(i)});
  }
  return slices;
}

std::string CellsOf(const std::vector<Slice>& slices, double begin_us,
                    double us_per_cell, int columns) {
  constexpr std::string_view kLetters = "FBIW";
  std::vector<std::array<double, 4>> busy(columns, {0, 0, 0, 0});
  for (const Slice& slice : slices) {
    const double from = (slice.begin_us - begin_us) / us_per_cell;
    const double to = (slice.end_us - begin_us) / us_per_cell;
    const int last = std::min(columns - 1, static_cast<int>(to));
    for (int c = std::max(0, static_cast<int>(from)); c <= last; ++c) {
      busy[c][kLetters.find(slice.letter)] +=
          std::min<double>(to, c + 1) - std::max<double>(from, c);
    }
  }
  std::string cells;
  for (const auto& [f, b, i, w] : busy) {
    const std::array<double, 4> all = {f, b, i, w};
    const auto most = std::max_element(all.begin(), all.end()) - all.begin();
    cells += f + b + i + w < 0.5 ? '.' : kLetters[most];
  }
  return cells;
}

// Traces of the newest step that every rank finished, by replica and rank.
std::vector<const v1::StepTrace*> NewestWholeStep(
    const v1::GetTraceResponse& trace) {
  std::map<int64_t, std::vector<const v1::StepTrace*>> steps;
  for (const v1::StepTrace& rank : trace.traces()) {
    steps[rank.step()].push_back(&rank);
  }
  const v1::Plan& plan = trace.job().plan();
  const size_t ranks =
      plan.ranks_size() * static_cast<size_t>(std::max(1, plan.replicas()));
  for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
    if (step->second.size() < ranks || ranks == 0) continue;
    std::sort(step->second.begin(), step->second.end(),
              [](const v1::StepTrace* a, const v1::StepTrace* b) {
                return std::pair(a->replica(), a->rank()) <
                       std::pair(b->replica(), b->rank());
              });
    return step->second;
  }
  return {};
}

}  // namespace

std::vector<TimelineRow> MakeTimeline(const v1::GetTraceResponse& trace,
                                      int columns) {
  std::vector<std::vector<Slice>> slices;
  std::vector<TimelineRow> rows;
  double begin_us = 0;
  double end_us = 0;
  for (const v1::StepTrace* rank : NewestWholeStep(trace)) {
    rows.push_back({rank->replica(), rank->rank(), ""});
    slices.push_back(SlicesOf(*rank, trace.job().plan()));
    for (const Slice& slice : slices.back()) {
      if (end_us == 0) begin_us = slice.begin_us;
      begin_us = std::min(begin_us, slice.begin_us);
      end_us = std::max(end_us, slice.end_us);
    }
  }
  if (end_us <= begin_us || columns < 1) return {};
  for (size_t i = 0; i < rows.size(); ++i) {
    rows[i].cells =
        CellsOf(slices[i], begin_us, (end_us - begin_us) / columns, columns);
  }
  return rows;
}

}  // namespace penstock
