#include "coordinator/cli/chart_svg.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <set>
#include <string_view>

#include "coordinator/cli/svg.h"
#include "fmt/format.h"

namespace penstock {
namespace {

using Anchor = SvgDrawing::Anchor;

constexpr double kHeading = 36;
constexpr double kPanelWidth = 400;
constexpr double kPanelHeight = 290;
constexpr double kLegendRow = 20;
constexpr double kLegendColumn = 200;
// Around the plot, inside its panel.
constexpr double kLeft = 66;
constexpr double kRight = 18;
constexpr double kTop = 46;
constexpr double kBottom = 46;
constexpr int kTicksMax = 6;

// Told apart by those who do not see all colours, too (Okabe and Ito's).
constexpr std::array<std::string_view, 8> kColors = {
    "#0072b2", "#d55e00", "#009e73", "#cc79a7",
    "#e69f00", "#56b4e9", "#000000", "#8a6d3b"};

std::string Style() {
  std::string style =
      ".head { font-size: 16px; font-weight: bold } .title { font-size: 13px; "
      "font-weight: bold } .label { font-size: 11px } .frame { stroke: #444444 "
      "} .grid { stroke: #e0e0e0 }\n";
  for (size_t i = 0; i < kColors.size(); ++i) {
    style += fmt::format(
        ".s{0} {{ stroke: {1}; stroke-width: 2 }} .d{0} {{ stroke: {1}; "
        "stroke-width: 1.5; stroke-dasharray: 4 4 }} .p{0} {{ fill: {1} }}\n",
        i, kColors[i]);
  }
  return style;
}

bool IsShown(const std::pair<double, double>& point) {
  return std::isfinite(point.first) && std::isfinite(point.second) &&
         point.second >= 0;
}

// Names of all lines, in the order in which they first occur.
std::vector<std::string> NamesOf(const std::vector<Chart>& charts) {
  std::vector<std::string> names;
  for (const Chart& chart : charts) {
    for (const ChartLine& line : chart.lines) {
      if (std::find(names.begin(), names.end(), line.name) == names.end()) {
        names.push_back(line.name);
      }
    }
  }
  return names;
}

class Panel {
 public:
  Panel(const Chart& chart, const std::vector<std::string>& names, double x,
        double y, SvgDrawing& drawing)
      : chart_(chart), names_(names), x_(x), y_(y), drawing_(drawing) {
    std::set<double> values;
    double largest = 0;
    for (const ChartLine& line : chart.lines) {
      for (const auto& point : line.points) {
        if (!IsShown(point)) continue;
        values.insert(point.first);
        largest = std::max(largest, point.second);
      }
    }
    x_values_.assign(values.begin(), values.end());
    if (largest <= 0) largest = 1;
    step_ = AxisStep(largest, kTicksMax);
    y_max_ = std::ceil(largest / step_ * (1 - 1e-9)) * step_;
  }

  void Draw() {
    drawing_.Text(x_ + kLeft, y_ + 18, Anchor::kStart, "title", chart_.title);
    drawing_.Text(x_ + kLeft, y_ + kTop - 12, Anchor::kStart, "label",
                  chart_.y_label);
    drawing_.Text(x_ + kPanelWidth - kRight, y_ + kPanelHeight - 8,
                  Anchor::kEnd, "label", chart_.x_label);
    DrawAxes();
    for (const ChartLine& line : chart_.lines) DrawLine(line);
  }

 private:
  double X(double value) const {
    const auto place =
        std::lower_bound(x_values_.begin(), x_values_.end(), value) -
        x_values_.begin();
    const double width = kPanelWidth - kLeft - kRight;
    return x_ + kLeft +
           (static_cast<double>(place) + 0.5) /
               static_cast<double>(x_values_.size()) * width;
  }
  double Y(double value) const {
    const double height = kPanelHeight - kTop - kBottom;
    return y_ + kPanelHeight - kBottom - value / y_max_ * height;
  }

  void DrawAxes() {
    const double left = x_ + kLeft;
    const double right = x_ + kPanelWidth - kRight;
    for (int tick = 0; tick * step_ <= y_max_ * (1 + 1e-9); ++tick) {
      const double y = Y(tick * step_);
      drawing_.Line(left, y, right, y, tick == 0 ? "frame" : "grid");
      drawing_.Text(left - 6, y + 4, Anchor::kEnd, "label",
                    fmt::format("{:.6g}", tick * step_));
    }
    drawing_.Line(left, Y(0), left, Y(y_max_), "frame");
    for (const double value : x_values_) {
      drawing_.Text(X(value), Y(0) + 16, Anchor::kMiddle, "label",
                    fmt::format("{:.6g}", value));
    }
  }

  void DrawLine(const ChartLine& line) {
    const size_t color =
        static_cast<size_t>(std::find(names_.begin(), names_.end(), line.name) -
                            names_.begin()) %
        kColors.size();
    const std::pair<double, double>* before = nullptr;
    for (const auto& point : line.points) {
      if (!IsShown(point)) continue;
      if (before != nullptr) {
        drawing_.Line(X(before->first), Y(before->second), X(point.first),
                      Y(point.second),
                      fmt::format("{}{}", line.dashed ? 'd' : 's', color));
      }
      before = &point;
      if (line.dashed) continue;
      drawing_.Circle(X(point.first), Y(point.second), 3,
                      fmt::format("p{}", color),
                      fmt::format("{}: {:.6g}, {:.6g}", line.name, point.first,
                                  point.second));
    }
  }

  const Chart& chart_;
  const std::vector<std::string>& names_;
  const double x_;
  const double y_;
  SvgDrawing& drawing_;
  std::vector<double> x_values_;
  double step_ = 1;
  double y_max_ = 1;
};

void DrawLegend(const std::vector<std::string>& names, double y, double width,
                SvgDrawing& drawing) {
  const int columns =
      std::max(1, static_cast<int>((width - kLeft) / kLegendColumn));
  for (size_t i = 0; i < names.size(); ++i) {
    const double left =
        kLeft +
        static_cast<double>(i % static_cast<size_t>(columns)) * kLegendColumn;
    const double row =
        y + static_cast<double>(i / static_cast<size_t>(columns)) * kLegendRow;
    const size_t color = i % kColors.size();
    drawing.Line(left, row, left + 22, row, fmt::format("s{}", color));
    drawing.Circle(left + 11, row, 3, fmt::format("p{}", color));
    drawing.Text(left + 28, row + 4, Anchor::kStart, "label", names[i]);
  }
}

}  // namespace

std::string DrawCharts(const std::string& heading,
                       const std::vector<Chart>& charts, int columns) {
  const std::vector<std::string> names = NamesOf(charts);
  const int count = static_cast<int>(charts.size());
  const int rows = (count + columns - 1) / columns;
  const double width = kPanelWidth * std::clamp(count, 1, columns) + 10;
  const double legend = std::ceil(static_cast<double>(names.size()) *
                                  kLegendColumn / (width - kLeft)) *
                        kLegendRow;
  const double rows_end = kHeading + rows * kPanelHeight;
  SvgDrawing drawing(width, rows_end + legend + 24, Style());
  drawing.Text(14, 24, Anchor::kStart, "head", heading);
  for (int i = 0; i < count; ++i) {
    Panel(charts[i], names, i % columns * kPanelWidth,
          kHeading + i / columns * kPanelHeight, drawing)
        .Draw();
  }
  DrawLegend(names, rows_end + 14, width, drawing);
  return drawing.ToString();
}

}  // namespace penstock
