// Draws charts from JSON on standard input as SVG on standard output, for the
// scripts beside it:
//
//   {"heading": "...", "columns": 2, "charts": [
//     {"title": "...", "x_label": "...", "y_label": "...", "lines": [
//       {"name": "1f1b", "dashed": false, "points": [[1, 0.25], [2, 0.5]]}]}]}

#include <iostream>
#include <utility>
#include <vector>

#include "coordinator/cli/chart_svg.h"
#include "nlohmann/json.hpp"

namespace {

using nlohmann::json;

penstock::ChartLine LineOf(const json& line) {
  return {
      .name = line.at("name"),
      .points = line.at("points").get<std::vector<std::pair<double, double>>>(),
      .dashed = line.value("dashed", false)};
}

penstock::Chart ChartOf(const json& chart) {
  penstock::Chart drawn = {.title = chart.at("title"),
                           .x_label = chart.at("x_label"),
                           .y_label = chart.at("y_label"),
                           .lines = {}};
  for (const json& line : chart.at("lines")) {
    drawn.lines.push_back(LineOf(line));
  }
  return drawn;
}

}  // namespace

int main() {
  const json input = json::parse(std::cin);
  std::vector<penstock::Chart> charts;
  for (const json& chart : input.at("charts")) charts.push_back(ChartOf(chart));
  std::cout << penstock::DrawCharts(input.at("heading"), charts,
                                    input.at("columns"));
  return 0;
}
