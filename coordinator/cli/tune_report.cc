#include "coordinator/cli/tune_report.h"

#include <algorithm>

#include "absl/time/time.h"
#include "coordinator/cli/chart_svg.h"
#include "coordinator/cli/quantity_text.h"
#include "coordinator/cli/table.h"
#include "fmt/format.h"
#include "nlohmann/json.hpp"

namespace penstock {
namespace {

constexpr size_t kSizesMax = 8;

double MedianOf(std::vector<double> values) {
  const size_t middle = values.size() / 2;
  std::sort(values.begin(), values.end());
  return values.size() % 2 == 1 ? values[middle]
                                : (values[middle - 1] + values[middle]) / 2;
}

double MiB(int64_t bytes) { return static_cast<double>(bytes) / (1 << 20); }

// The next divisor of `samples` below or above, in direction `step`.
int64_t NextDivisor(int64_t samples, int64_t from, int64_t step) {
  while (from > 1 && from < samples && samples % from != 0) from += step;
  return std::clamp<int64_t>(from, 1, samples);
}

}  // namespace

absl::StatusOr<std::vector<int64_t>> SizesToTune(
    const std::vector<int64_t>& wanted, int64_t samples) {
  for (const int64_t size : wanted) {
    if (size >= 1 && samples % size == 0) continue;
    return absl::InvalidArgumentError(fmt::format(
        "--sizes: {} does not divide the {} samples of a step; {} and {} do",
        size, samples, NextDivisor(samples, size, -1),
        NextDivisor(samples, size, 1)));
  }
  std::vector<int64_t> sizes = wanted;
  if (sizes.empty()) {
    for (int64_t size = 1; samples % size == 0; size *= 2) {
      sizes.push_back(size);
    }
    if (sizes.size() > kSizesMax) {
      sizes.erase(sizes.begin(), sizes.end() - kSizesMax);
    }
  }
  std::sort(sizes.begin(), sizes.end());
  sizes.erase(std::unique(sizes.begin(), sizes.end()), sizes.end());
  return sizes;
}

TuneResult Summarize(const std::vector<v1::StepMetrics>& metrics) {
  std::vector<double> rates;
  std::vector<double> bubbles;
  std::vector<double> seconds;
  // The first step opens channels and touches memory.
  for (size_t i = metrics.size() > 1 ? 1 : 0; i < metrics.size(); ++i) {
    rates.push_back(metrics[i].tokens_per_second());
    bubbles.push_back(metrics[i].bubble_fraction_measured());
    seconds.push_back(metrics[i].step_seconds());
  }
  return {.tokens_per_second = MedianOf(rates),
          .bubble_fraction = MedianOf(bubbles),
          .step_seconds = MedianOf(seconds)};
}

const TuneResult* BestOf(const std::vector<TuneResult>& results) {
  const TuneResult* best = nullptr;
  for (const TuneResult& result : results) {
    if (!result.failure.empty()) continue;
    if (best == nullptr || result.tokens_per_second > best->tokens_per_second) {
      best = &result;
    }
  }
  return best;
}

std::string TuneTable(const std::vector<TuneResult>& results, int width) {
  const TuneResult* best = BestOf(results);
  Table table({"SIZE>", "MICRO-BATCHES>", "TOKENS/S>", "STEP>", "BUBBLE>",
               "PEAK MEMORY>", "FORECAST>", "NOTE"});
  std::string failures;
  for (const TuneResult& result : results) {
    std::vector<std::string> row = {fmt::format("{}", result.micro_batch_size),
                                    fmt::format("{}", result.micro_batches)};
    if (result.failure.empty()) {
      row.insert(row.end(), {CountText(result.tokens_per_second),
                             DurationText(absl::Seconds(result.step_seconds)),
                             PercentText(result.bubble_fraction),
                             result.resident_bytes_peak == 0
                                 ? "?"
                                 : BytesText(result.resident_bytes_peak),
                             BytesText(result.forecast_bytes),
                             &result == best ? "best" : ""});
    } else {
      row.insert(row.end(), {"-", "-", "-", "-", "-", "failed"});
      failures += fmt::format("{} x {} samples: {}\n", result.micro_batches,
                              result.micro_batch_size, result.failure);
    }
    table.AddRow(row);
  }
  return table.ToString(width) + failures;
}

std::string TuneDrawing(const std::string& job,
                        const std::vector<TuneResult>& results) {
  constexpr char kSize[] = "samples per micro-batch";
  ChartLine rate{.name = job};
  ChartLine bubble{.name = job};
  ChartLine memory{.name = job};
  ChartLine forecast{.name = "forecast", .dashed = true};
  for (const TuneResult& result : results) {
    if (!result.failure.empty()) continue;
    const auto x = static_cast<double>(result.micro_batch_size);
    rate.points.emplace_back(x, result.tokens_per_second);
    bubble.points.emplace_back(x, result.bubble_fraction * 100);
    if (result.resident_bytes_peak > 0) {
      memory.points.emplace_back(x, MiB(result.resident_bytes_peak));
    }
    forecast.points.emplace_back(x, MiB(result.forecast_bytes));
  }
  return DrawCharts(fmt::format("{}: size of the micro-batches", job),
                    {{.title = "Throughput",
                      .x_label = kSize,
                      .y_label = "tokens/s",
                      .lines = {rate}},
                     {.title = "Idle share of all ranks' time",
                      .x_label = kSize,
                      .y_label = "%",
                      .lines = {bubble}},
                     {.title = "Peak memory of the largest rank",
                      .x_label = kSize,
                      .y_label = "MiB",
                      .lines = {memory, forecast}}},
                    3);
}

std::string TuneJson(const std::vector<TuneResult>& results) {
  const TuneResult* best = BestOf(results);
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const TuneResult& result : results) {
    nlohmann::ordered_json entry = {
        {"micro_batch_size", result.micro_batch_size},
        {"micro_batches", result.micro_batches},
        {"best", &result == best}};
    if (!result.failure.empty()) {
      entry["failure"] = result.failure;
    } else {
      entry["tokens_per_second"] = result.tokens_per_second;
      entry["step_seconds"] = result.step_seconds;
      entry["bubble_fraction"] = result.bubble_fraction;
      entry["resident_bytes_peak"] = result.resident_bytes_peak;
      entry["forecast_bytes"] = result.forecast_bytes;
    }
    list.push_back(entry);
  }
  return list.dump(2);
}

}  // namespace penstock
