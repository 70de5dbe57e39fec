#include "coordinator/cli/schedule_svg.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <set>
#include <string_view>
#include <vector>

#include "coordinator/cli/quantity_text.h"
#include "coordinator/cli/svg.h"
#include "fmt/format.h"

namespace penstock {
namespace {

using Anchor = SvgDrawing::Anchor;

constexpr double kMargin = 12;
constexpr double kLeft = 64;  // For the names of the ranks.
constexpr double kTop = 52;   // For the heading.
constexpr double kAxis = 34;
constexpr double kLegend = 28;
constexpr double kPlotWidthMin = 880;  // The heading's.
constexpr double kPlotWidthMax = 6000;
constexpr double kBoxWidth = 22;           // Wished for the shortest action.
constexpr double kDigitWidth = 6.2;        // Of the labels' font.
constexpr double kLabelledRowHeight = 16;  // In lower rows nothing is legible.
constexpr int kTippedActionsMax = 10'000;
constexpr int kShades = 4;

struct Look {
  ActionKind kind;
  std::string_view name;
  std::array<int, 3> color;  // Red, green, blue.
};

constexpr std::array<Look, 10> kLooks = {{
    {ActionKind::kForward, "F", {0x2f, 0x6d, 0xb5}},
    {ActionKind::kBackward, "B", {0x1f, 0x84, 0x5a}},
    {ActionKind::kBackwardInput, "I", {0x12, 0x87, 0x8c}},
    {ActionKind::kBackwardWeight, "W", {0xb8, 0x6a, 0x0b}},
    {ActionKind::kRecompute, "R", {0x7b, 0x54, 0xa8}},
    {ActionKind::kReduceGradient, "REDUCE_GRAD", {0xc0, 0x39, 0x2b}},
    {ActionKind::kReduceTied, "REDUCE_TIED", {0xc0, 0x39, 0x2b}},
    {ActionKind::kReduceCopy, "REDUCE_COPY", {0xc0, 0x39, 0x2b}},
    {ActionKind::kUpdate, "UPDATE", {0x55, 0x55, 0x55}},
    {ActionKind::kOptimizer, "OPTIMIZER", {0x55, 0x55, 0x55}},
}};

const Look* LookOf(ActionKind kind) {
  const auto look =
      std::find_if(kLooks.begin(), kLooks.end(),
                   [&](const Look& each) { return each.kind == kind; });
  return look == kLooks.end() ? nullptr : &*look;
}

bool IsReduction(ActionKind kind) {
  return kind == ActionKind::kReduceGradient ||
         kind == ActionKind::kReduceTied || kind == ActionKind::kReduceCopy;
}

// A stage's place among those of its rank, or the last shade.
std::vector<int> ShadesOf(const Schedule& schedule) {
  std::vector<int> owned(schedule.programs.size());
  std::vector<int> shades;
  for (const int rank : schedule.rank_of_stage) {
    shades.push_back(std::min(owned[rank]++, kShades - 1));
  }
  return shades;
}

std::string Style() {
  std::string style =
      ".name { font-size: 12px } .head { font-size: 15px; font-weight: bold } "
      ".row { fill: #f0f1f3 } .grid { stroke: #c4c8ce } "
      ".l0 { font-size: 11px; fill: #ffffff } .l1 { font-size: 11px } "
      "rect[class^=k] { stroke: #ffffff; stroke-width: 0.5 }\n";
  for (size_t i = 0; i < kLooks.size(); ++i) {
    for (int shade = 0; shade < kShades; ++shade) {
      const double white = shade == 0 ? 0 : 0.3 + 0.17 * shade;
      std::array<int, 3> color = kLooks[i].color;
      for (int& part : color) {
        part += static_cast<int>(std::lround(white * (255 - part)));
      }
      style += fmt::format(".k{}{} {{ fill: #{:02x}{:02x}{:02x} }}\n",
                           kLooks[i].name, shade, color[0], color[1], color[2]);
    }
  }
  return style;
}

class Timeline {
 public:
  Timeline(const Schedule& schedule, const Simulation& simulation,
           const std::string& unit)
      : schedule_(schedule),
        simulation_(simulation),
        unit_(unit),
        shades_(ShadesOf(schedule)),
        row_height_(schedule.ranks() <= 64    ? 26
                    : schedule.ranks() <= 256 ? 16
                                              : 8) {
    Measure();
    plot_width_ = std::clamp(length_ / shortest_ * kBoxWidth, kPlotWidthMin,
                             kPlotWidthMax);
    width_ = kLeft + plot_width_ + kMargin;
    rows_end_ = kTop + schedule.ranks() * row_height_;
  }

  std::string Draw(const std::string& name) {
    SvgDrawing drawing(width_, rows_end_ + kAxis + kLegend, Style());
    DrawHeading(name, drawing);
    DrawRows(drawing);
    DrawAxis(drawing);
    for (int rank = 0; rank < schedule_.ranks(); ++rank) {
      DrawProgram(rank, drawing);
    }
    DrawLegend(drawing);
    return drawing.ToString();
  }

 private:
  // Finds the longest time and the shortest action.
  void Measure() {
    length_ = simulation_.makespan;
    shortest_ = std::numeric_limits<double>::infinity();
    for (const auto& times : simulation_.actions) {
      actions_ += std::ssize(times);
      for (const ActionTime& time : times) {
        length_ = std::max(length_, time.end);
        if (time.end > time.start) {
          shortest_ = std::min(shortest_, time.end - time.start);
        }
      }
    }
    if (length_ <= 0) length_ = 1;
    shortest_ = std::min(shortest_, length_);
  }

  double X(double time) const { return kLeft + time / length_ * plot_width_; }
  double Y(int rank) const { return kTop + rank * row_height_; }

  void DrawHeading(const std::string& name, SvgDrawing& drawing) const {
    const std::vector<int>& peaks = simulation_.peak_activations;
    const std::string peak =
        peaks.size() <= 16 ? fmt::format("{}", fmt::join(peaks, " "))
        : peaks.empty()
            ? ""
            : fmt::format("{} at most",
                          *std::max_element(peaks.begin(), peaks.end()));
    drawing.Text(kMargin, 20, Anchor::kStart, "head",
                 fmt::format("{}: {} ranks, {} stages, {} micro-batches", name,
                             schedule_.ranks(), schedule_.stages(),
                             schedule_.microbatches));
    drawing.Text(
        kMargin, 38, Anchor::kStart, "name",
        fmt::format("makespan {:.6g} {}, bubble {} (of the longest span {}), "
                    "peak activations {}",
                    simulation_.makespan, unit_,
                    PercentText(simulation_.bubble_fraction_makespan),
                    PercentText(simulation_.bubble_fraction_span), peak));
  }

  void DrawRows(SvgDrawing& drawing) const {
    for (int rank = 0; rank < schedule_.ranks(); ++rank) {
      drawing.Box({.x = kLeft,
                   .y = Y(rank) + 1,
                   .width = plot_width_,
                   .height = row_height_ - 2},
                  "row");
      if (row_height_ < kLabelledRowHeight && rank % 8 != 0) continue;
      drawing.Text(kLeft - 6, Y(rank) + row_height_ / 2 + 4, Anchor::kEnd,
                   "name", fmt::format("rank {}", rank));
    }
  }

  void DrawAxis(SvgDrawing& drawing) const {
    const double step =
        AxisStep(length_, static_cast<int>(std::max(2.0, plot_width_ / 90)));
    const int ticks = static_cast<int>(length_ / step * (1 + 1e-9));
    for (int tick = 0; tick <= ticks; ++tick) {
      const double x = X(tick * step);
      drawing.Line(x, kTop, x, rows_end_ + 5, "grid");
      drawing.Text(x, rows_end_ + 18, Anchor::kMiddle, "name",
                   fmt::format("{:.6g}", tick * step));
    }
    drawing.Text(kLeft - 12, rows_end_ + 18, Anchor::kEnd, "name", unit_);
  }

  void DrawProgram(int rank, SvgDrawing& drawing) {
    const std::vector<Action>& program = schedule_.programs[rank];
    for (size_t i = 0; i < program.size(); ++i) {
      const bool upper = program[i].overlaps_next;
      const bool lower = i > 0 && program[i - 1].overlaps_next;
      DrawAction(rank, program[i], simulation_.actions[rank][i], upper, lower,
                 drawing);
    }
  }

  void DrawAction(int rank, const Action& action, const ActionTime& time,
                  bool upper, bool lower, SvgDrawing& drawing) {
    const Look* look = LookOf(action.kind);
    if (look == nullptr || time.end <= time.start) return;
    drawn_.insert(action.kind);
    SvgDrawing::Area area{.x = X(time.start),
                          .y = Y(rank) + 1,
                          .width = X(time.end) - X(time.start),
                          .height = row_height_ - 2};
    const double part = IsReduction(action.kind) ? 0.2 : 0.5;
    if (lower || IsReduction(action.kind)) {
      area.y += area.height * (1 - part);
    }
    if (upper || lower || IsReduction(action.kind)) area.height *= part;
    const int shade = action.stage < 0 ? 0 : shades_[action.stage];
    const std::string tip =
        actions_ > kTippedActionsMax
            ? ""
            : fmt::format("{}: {:.6g} to {:.6g} {}", penstock::ToString(action),
                          time.start, time.end, unit_);
    drawing.Box(area, fmt::format("k{}{}", look->name, shade), tip);
    DrawLabel(action, area, shade, drawing);
  }

  void DrawLabel(const Action& action, const SvgDrawing::Area& area, int shade,
                 SvgDrawing& drawing) const {
    if (!IsCompute(action.kind) || row_height_ < kLabelledRowHeight) return;
    std::string label = fmt::format("{}", action.microbatch);
    if (action.piece >= 0) label += fmt::format(".{}", action.piece);
    if (static_cast<double>(label.size()) * kDigitWidth + 2 > area.width) {
      return;
    }
    drawing.Text(area.x + area.width / 2, area.y + area.height / 2 + 4,
                 Anchor::kMiddle, shade == 0 ? "l0" : "l1", label);
  }

  void DrawLegend(SvgDrawing& drawing) const {
    double x = kLeft;
    const double y = rows_end_ + kAxis;
    for (const ActionKind kind : drawn_) {
      const std::string_view name = LookOf(kind)->name;
      const int shades = 1 + *std::max_element(shades_.begin(), shades_.end());
      for (int shade = 0; shade < shades; ++shade, x += 14) {
        drawing.Box({.x = x, .y = y, .width = 14, .height = 14},
                    fmt::format("k{}{}", name, shade));
      }
      drawing.Text(x + 5, y + 11, Anchor::kStart, "name", name);
      x += 22 + 9.0 * static_cast<double>(name.size());
    }
  }

  const Schedule& schedule_;
  const Simulation& simulation_;
  const std::string unit_;
  const std::vector<int> shades_;  // By stage.
  const double row_height_;
  std::set<ActionKind> drawn_;
  int64_t actions_ = 0;
  double length_ = 0;    // Of the time axis.
  double shortest_ = 0;  // Time of an action.
  double plot_width_ = 0;
  double width_ = 0;
  double rows_end_ = 0;
};

}  // namespace

absl::StatusOr<std::string> DrawSchedule(const Schedule& schedule,
                                         const Simulation& simulation,
                                         const std::string& name,
                                         const std::string& unit) {
  int64_t actions = 0;
  for (const std::vector<Action>& program : schedule.programs) {
    actions += std::ssize(program);
  }
  if (actions > kScheduleSvgActionsMax) {
    return absl::InvalidArgumentError(
        fmt::format("a drawing of {} actions would be of no use; at most {} "
                    "are drawn: choose fewer ranks or micro-batches",
                    actions, kScheduleSvgActionsMax));
  }
  return Timeline(schedule, simulation, unit).Draw(name);
}

}  // namespace penstock
