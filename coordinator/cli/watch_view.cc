#include "coordinator/cli/watch_view.h"

#include <algorithm>

#include "coordinator/cli/job_text.h"
#include "coordinator/cli/quantity_text.h"
#include "coordinator/cli/table.h"
#include "coordinator/cli/timeline.h"
#include "fmt/format.h"

namespace penstock {
namespace {

// A terminal of a hundred rows shows this much besides the rest.
constexpr size_t kRowsMax = 32;

// SGR colour of a timeline's letter.
int ColorOf(char letter) {
  switch (letter) {
    case 'F':
      return 34;  // Blue.
    case 'B':
      return 32;  // Green.
    case 'I':
      return 36;  // Cyan.
    case 'W':
      return 33;  // Yellow.
    default:
      return 90;  // Grey.
  }
}

std::string Colored(const std::string& cells) {
  std::string text;
  char before = '\0';
  for (const char cell : cells) {
    if (cell != before) text += fmt::format("\x1b[{}m", ColorOf(cell));
    text += cell;
    before = cell;
  }
  return text + "\x1b[0m";
}

std::string LabelOf(const TimelineRow& row, bool several) {
  return several ? fmt::format("replica {} rank {} ", row.replica, row.rank)
                 : fmt::format("rank {} ", row.rank);
}

void AddTimeline(const WatchState& state, int width, bool color,
                 std::vector<std::string>& lines) {
  const v1::Plan& plan = state.trace.job().plan();
  const bool several = plan.replicas() > 1;
  const std::string widest = LabelOf(
      {.replica = plan.replicas(), .rank = plan.ranks_size(), .cells = ""},
      several);
  const int columns = std::min(96, width - ColumnsOf(widest) - 2);
  const std::vector<TimelineRow> rows = MakeTimeline(state.trace, columns);
  for (size_t i = 0; i < std::min(rows.size(), kRowsMax); ++i) {
    std::string label = LabelOf(rows[i], several);
    label.resize(widest.size(), ' ');
    lines.push_back(label + "|" +
                    (color ? Colored(rows[i].cells) : rows[i].cells) + "|");
  }
  if (rows.size() > kRowsMax) {
    lines.push_back(fmt::format("... and {} more", rows.size() - kRowsMax));
  }
}

std::string ProgressText(const v1::Job& job, const v1::StepMetrics& metrics) {
  return fmt::format("step {}/{}  loss {:.4f}  {} tokens/s  {} left",
                     metrics.step(), job.spec().steps(), metrics.loss(),
                     CountText(metrics.tokens_per_second()),
                     DurationText(TimeLeft(job, metrics)));
}

// "step time 110 ms (predicted 106 ms, +4 %)  bubble 35 % (predicted 33 %)".
std::string MeasuredText(const v1::StepMetrics& metrics) {
  std::string text = fmt::format(
      "step time {}", DurationText(absl::Seconds(metrics.step_seconds())));
  if (metrics.step_seconds_predicted() > 0) {
    text += fmt::format(
        " (predicted {}, {:+.0f} %)",
        DurationText(absl::Seconds(metrics.step_seconds_predicted())),
        100 * metrics.prediction_error());
  }
  return fmt::format("{}  bubble {} (predicted {})", text,
                     PercentText(metrics.bubble_fraction_measured()),
                     PercentText(metrics.bubble_fraction_predicted()));
}

}  // namespace

absl::Duration TimeLeft(const v1::Job& job, const v1::StepMetrics& metrics) {
  const int64_t steps =
      std::max<int64_t>(0, job.spec().steps() - metrics.step());
  return absl::Seconds(metrics.step_seconds()) * static_cast<double>(steps);
}

std::string StepLine(const v1::Job& job, const v1::StepMetrics& metrics) {
  return ProgressText(job, metrics) + "  " + MeasuredText(metrics);
}

std::string StateLine(const v1::Job& job) {
  return fmt::format("{}: {}, {}", job.spec().name(), StateText(job.state()),
                     job.reason());
}

std::vector<std::string> WatchLines(const WatchState& state, int width,
                                    bool color) {
  std::vector<std::string> lines;
  lines.push_back(Shorten(StateLine(state.job), width));
  if (state.metrics.has_value()) {
    lines.push_back(Shorten(ProgressText(state.job, *state.metrics), width));
    lines.push_back(Shorten(MeasuredText(*state.metrics), width));
  }
  AddTimeline(state, width, color, lines);
  if (!state.connected) {
    lines.push_back(
        Shorten("no answer from the coordinator; trying again", width));
  }
  return lines;
}

}  // namespace penstock
