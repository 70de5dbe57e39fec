#include "tests/gpu/profile_report.h"

#include <algorithm>
#include <functional>
#include <map>
#include <string_view>
#include <utility>

#include "fmt/format.h"

namespace penstock::gpu {
namespace {

double Time(const OperationShare& share, bool measured) {
  return measured ? share.seconds : share.predicted_seconds;
}

// Of what nothing was counted the time is next to nothing, too.
double Rate(int64_t amount, double seconds) {
  return seconds <= 0 ? 0 : static_cast<double>(amount) / seconds;
}

// How near it comes to what the device reaches at best: in computing or in
// moving, whichever is nearer.
double ShareOfCeiling(const OperationShare& share, const Ceilings& ceilings) {
  return std::max(
      Rate(share.flops, share.seconds) / ceilings.flops_per_second,
      Rate(share.bytes, share.seconds) / ceilings.copy_bytes_per_second);
}

// Operations that belong together, by how their names begin. A product has its
// weight's name.
constexpr std::pair<std::string_view, std::string_view> kParts[] = {
    {"wte ", "head"},
    {"lm_head ", "head"},
    {"Attention", "attention"},
    {"Gelu", "activations"},
    {"SwiGlu", "activations"},
    {"Rope", "activations"},
    {"LayerNorm", "norms"},
    {"RmsNorm", "norms"},
    {"ColumnSums", "column sums"},
    {"CrossEntropy", "cross-entropy"},
    {"SumsOfSquares", "update"},
    {"AdamW", "update"},
    {"Round", "update"},
    {"Zero", "update"},
    {"Accumulate", "update"},
};

std::string_view PartOf(const OperationShare& share) {
  for (const auto& [prefix, part] : kParts) {
    if (share.operation.starts_with(prefix)) return part;
  }
  return share.flops > 0 ? "blocks' products" : "the rest";
}

std::string PartsOf(const ProfileReport& report) {
  const bool measured = report.ceilings.has_value();
  std::map<std::string_view, double> seconds;
  for (const OperationShare& share : report.operations) {
    seconds[PartOf(share)] += Time(share, measured);
  }
  std::vector<std::pair<double, std::string_view>> parts;
  for (const auto& [part, time] : seconds) parts.emplace_back(time, part);
  std::stable_sort(parts.begin(), parts.end(), std::greater<>());
  std::string text;
  for (const auto& [time, part] : parts) {
    text += fmt::format("{}{} {:.1f}", text.empty() ? "ms of it: " : ", ", part,
                        1e3 * time);
  }
  return text + "\n";
}

std::string TitleOf(const ProfileReport& report) {
  const StepProfile& profile = report.profile;
  std::string title = fmt::format("{}: a step of {} tokens, {} x {} samples\n",
                                  profile.workload.name, profile.tokens(),
                                  profile.workload.batch.micro_batches,
                                  profile.workload.batch.micro_batch_size);
  title += fmt::format("predicted {:.1f} ms, {:.0f} tokens/s",
                       1e3 * report.predicted_seconds,
                       report.predicted_tokens_per_second());
  const double target = profile.workload.h200_tokens_per_second;
  if (target > 0) title += fmt::format("; to reach on an H200: {:.0f}", target);
  if (report.ceilings.has_value()) {
    title += fmt::format(
        "\nmeasured {:.1f} ms, {:.0f} tokens/s; operations one by one {:.1f} "
        "ms, without {:.1f} us each for launching and waiting",
        1e3 * profile.step_seconds,
        Rate(profile.tokens(), profile.step_seconds), 1e3 * report.seconds,
        1e6 * profile.call_seconds);
  }
  return title + "\n" + PartsOf(report);
}

std::string HeaderOf(bool measured) {
  std::string header = fmt::format("{:<46} {:>6} {:>10} {:>8}", "operation",
                                   "calls", "GFLOP", "GB");
  if (measured) {
    header += fmt::format(" {:>8} {:>6} {:>8} {:>6} {:>7}", "ms", "%",
                          "TFLOP/s", "TB/s", "ceil. %");
  }
  header += fmt::format(" {:>9}", "predicted");
  if (!measured) header += fmt::format(" {:>6}", "%");
  return header + "\n";
}

std::string RowOf(const OperationShare& share, const ProfileReport& report) {
  std::string row =
      fmt::format("{:<46} {:>6} {:>10.1f} {:>8.2f}", share.operation,
                  share.calls, static_cast<double>(share.flops) / 1e9,
                  static_cast<double>(share.bytes) / 1e9);
  if (report.ceilings.has_value()) {
    row +=
        fmt::format(" {:>8.2f} {:>6.1f} {:>8.1f} {:>6.2f} {:>7.1f}",
                    1e3 * share.seconds, 100 * share.seconds / report.seconds,
                    Rate(share.flops, share.seconds) / 1e12,
                    Rate(share.bytes, share.seconds) / 1e12,
                    100 * ShareOfCeiling(share, *report.ceilings));
  }
  row += fmt::format(" {:>9.2f}", 1e3 * share.predicted_seconds);
  if (!report.ceilings.has_value()) {
    row += fmt::format(
        " {:>6.1f}", 100 * share.predicted_seconds / report.predicted_seconds);
  }
  return row + "\n";
}

}  // namespace

ProfileReport ReportOn(const StepProfile& profile, const Rates& rates,
                       const std::optional<Ceilings>& ceilings) {
  ProfileReport report{.profile = profile, .ceilings = ceilings};
  std::map<std::string, OperationShare> shares;
  for (const auto& [call, count] : profile.calls) {
    OperationShare& share = shares[call.operation];
    share.operation = call.operation;
    share.calls += count.calls;
    share.flops += count.calls * call.work.flops;
    share.bytes += count.calls * call.work.bytes;
    const auto calls = static_cast<double>(count.calls);
    share.predicted_seconds += calls * SecondsOf(call.work, rates);
    share.seconds +=
        std::max(0.0, count.seconds - calls * profile.call_seconds);
  }
  for (auto& [operation, share] : shares) {
    report.predicted_seconds += share.predicted_seconds;
    report.seconds += share.seconds;
    report.operations.push_back(std::move(share));
  }
  const bool measured = ceilings.has_value();
  std::stable_sort(report.operations.begin(), report.operations.end(),
                   [&](const OperationShare& a, const OperationShare& b) {
                     return Time(a, measured) > Time(b, measured);
                   });
  return report;
}

std::string ToText(const ProfileReport& report, int rows) {
  std::string text = TitleOf(report) + HeaderOf(report.ceilings.has_value());
  OperationShare rest;
  int shown = 0;
  int left_out = 0;
  for (const OperationShare& share : report.operations) {
    if (rows == 0 || shown < rows) {
      text += RowOf(share, report);
      ++shown;
      continue;
    }
    ++left_out;
    rest.calls += share.calls;
    rest.flops += share.flops;
    rest.bytes += share.bytes;
    rest.predicted_seconds += share.predicted_seconds;
    rest.seconds += share.seconds;
  }
  if (left_out == 0) return text;
  rest.operation = fmt::format("{} others", left_out);
  return text + RowOf(rest, report);
}

std::string SummaryOf(const std::vector<ProfileReport>& reports) {
  std::string summary;
  for (const ProfileReport& report : reports) {
    if (!summary.empty()) summary += ", ";
    if (!report.ceilings.has_value()) {
      summary +=
          fmt::format("{} {:.0f}/s predicted", report.profile.workload.name,
                      report.predicted_tokens_per_second());
      continue;
    }
    const OperationShare& slowest = report.operations.front();
    summary +=
        fmt::format("{} {:.0f} % in {}", report.profile.workload.name,
                    100 * slowest.seconds / report.seconds, slowest.operation);
  }
  return summary;
}

nlohmann::json ToJson(const ProfileReport& report) {
  const StepProfile& profile = report.profile;
  nlohmann::json json = ToJson(profile.workload);
  json["predicted_seconds"] = report.predicted_seconds;
  json["predicted_tokens_per_second"] = report.predicted_tokens_per_second();
  if (report.ceilings.has_value()) {
    json["step_seconds"] = profile.step_seconds;
    json["call_seconds"] = profile.call_seconds;
  }
  for (const OperationShare& share : report.operations) {
    nlohmann::json operation = {{"operation", share.operation},
                                {"calls", share.calls},
                                {"flops", share.flops},
                                {"bytes", share.bytes},
                                {"predicted_seconds", share.predicted_seconds}};
    if (report.ceilings.has_value()) operation["seconds"] = share.seconds;
    json["operations"].push_back(std::move(operation));
  }
  return json;
}

}  // namespace penstock::gpu
