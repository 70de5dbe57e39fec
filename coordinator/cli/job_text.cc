#include "coordinator/cli/job_text.h"

#include <algorithm>

#include "coordinator/cli/quantity_text.h"
#include "coordinator/cli/table.h"
#include "fmt/format.h"
#include "google/protobuf/timestamp.pb.h"

namespace penstock {
namespace {

absl::Time ToTime(const google::protobuf::Timestamp& time) {
  return absl::FromUnixSeconds(time.seconds()) +
         absl::Nanoseconds(time.nanos());
}

// "12.0 s ago"; clocks of two machines may differ a little.
std::string AgeText(const google::protobuf::Timestamp& time, absl::Time now) {
  return DurationText(std::max(absl::ZeroDuration(), now - ToTime(time))) +
         " ago";
}

std::string StepText(const v1::Job& job) {
  return fmt::format("{}/{}", job.step(), job.spec().steps());
}

std::string RanksText(const v1::Job& job, int width) {
  Table table({"REPLICA>", "RANK>", "WORKER", "STEP>", "AT", "MEMORY>",
               "PEAK MEMORY>"});
  for (const v1::RankStatus& rank : job.ranks()) {
    table.AddRow({std::to_string(rank.replica()), std::to_string(rank.rank()),
                  fmt::format("{}/{}", rank.worker(), rank.device()),
                  std::to_string(rank.step()),
                  rank.action().empty() ? "-" : rank.action(),
                  BytesText(rank.resident_bytes()),
                  BytesText(rank.resident_bytes_peak())});
  }
  return table.ToString(width);
}

}  // namespace

std::string StateText(v1::JobState state) {
  constexpr std::string_view kPrefix = "JOB_STATE_";
  const std::string name = v1::JobState_Name(state);
  // A state of a later version has no name here.
  if (!name.starts_with(kPrefix)) return fmt::format("STATE {}", int{state});
  return name.substr(kPrefix.size());
}

std::string JobsText(const std::vector<v1::Job>& jobs, absl::Time now,
                     int width) {
  Table table({"NAME", "STATE", "STEP>", "SUBMITTED>", "REASON"});
  for (const v1::Job& job : jobs) {
    table.AddRow({job.spec().name(), StateText(job.state()), StepText(job),
                  AgeText(job.submit_time(), now), job.reason()});
  }
  return table.ToString(width);
}

std::string JobText(const v1::Job& job, absl::Time now, int width) {
  std::string text = fmt::format(
      "Name        {}\n"
      "State       {}, {} ({})\n"
      "Step        {}\n"
      "Submitted   {}\n",
      job.spec().name(), StateText(job.state()), job.reason(),
      AgeText(job.transition_time(), now), StepText(job),
      AgeText(job.submit_time(), now));
  if (!job.checkpoint().empty()) {
    text += fmt::format("Checkpoint  {}\n", job.checkpoint());
  }
  if (job.recoveries() > 0) {
    text += fmt::format("Recoveries  {}\n", job.recoveries());
  }
  if (!job.ranks().empty()) text += "\n" + RanksText(job, width);
  return text;
}

std::string LogText(const v1::LogLine& line) {
  return fmt::format("{} {} {}: {}\n",
                     absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", ToTime(line.time()),
                                      absl::UTCTimeZone()),
                     line.level(), line.source(), line.text());
}

std::string WorkersText(const std::vector<v1::Worker>& workers, int width) {
  Table table(
      {"NAME", "STATE", "DEVICE", "MEMORY>", "FLOP/S>", "VERSION", "JOB"});
  for (const v1::Worker& worker : workers) {
    const std::string state = !worker.connected() ? "gone"
                              : worker.draining() ? "draining"
                                                  : "ready";
    if (worker.devices().empty()) {
      table.AddRow(
          {worker.name(), state, "none", "", "", worker.version(), ""});
    }
    for (const v1::Device& device : worker.devices()) {
      table.AddRow({worker.name(), state,
                    fmt::format("{}:{}", device.kind(), device.index()),
                    BytesText(device.memory_bytes()),
                    CountText(device.flops_per_second()), worker.version(),
                    device.job().empty() ? "-" : device.job()});
    }
  }
  return table.ToString(width);
}

std::string MetricsHeading() {
  return fmt::format(
      "{:>8}  {:>8}  {:>9}  {:>8}  {:>15}  {:>9}  {:>9}  {:>9}  {:>6}\n",
      "STEP", "LOSS", "GRAD NORM", "TOKENS/S", "BUBBLE MEASURED", "PREDICTED",
      "STEP TIME", "PREDICTED", "ERROR");
}

std::string MetricsText(const v1::StepMetrics& metrics) {
  const bool predicted = metrics.step_seconds_predicted() > 0;
  return fmt::format(
      "{:>8}  {:>8.4f}  {:>9.4g}  {:>8}  {:>15}  {:>9}  {:>9}  {:>9}  {:>6}\n",
      metrics.step(), metrics.loss(), metrics.grad_norm(),
      CountText(metrics.tokens_per_second()),
      PercentText(metrics.bubble_fraction_measured()),
      PercentText(metrics.bubble_fraction_predicted()),
      DurationText(absl::Seconds(metrics.step_seconds())),
      predicted ? DurationText(absl::Seconds(metrics.step_seconds_predicted()))
                : "-",
      predicted ? fmt::format("{:+.0f} %", 100 * metrics.prediction_error())
                : "-");
}

}  // namespace penstock
