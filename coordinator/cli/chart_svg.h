#ifndef COORDINATOR_CLI_CHART_SVG_H_
#define COORDINATOR_CLI_CHART_SVG_H_

#include <string>
#include <utility>
#include <vector>

namespace penstock {

struct ChartLine {
  std::string name;
  std::vector<std::pair<double, double>> points;  // (x, y), by growing x.
  bool dashed = false;  // For what was predicted and not measured.
};

// Lines over the same x. The values of x that occur lie at equal distances, as
// suits powers of two; y begins at 0.
struct Chart {
  std::string title;
  std::string x_label;
  std::string y_label;
  std::vector<ChartLine> lines;
};

// A drawing of charts side by side, `columns` in a row. Lines of one name have
// one colour in all of them and are explained once, at the foot. Requires
// columns >= 1; values that are not finite or below 0 are left out.
std::string DrawCharts(const std::string& heading,
                       const std::vector<Chart>& charts, int columns);

}  // namespace penstock

#endif  // COORDINATOR_CLI_CHART_SVG_H_
