#include "worker/checkpoint/shard_report.h"

#include <string>

#include "gtest/gtest.h"

namespace penstock {
namespace {

ShardReport Report() {
  ShardReport report{.epoch = UINT64_MAX, .step = 50, .rank = 3};
  report.files = {{"model-00003-of-00004.safetensors", 123456789012,
                   "99aa06d3014798d86001c324468d497f"},
                  {"optimizer-00003-of-00004.safetensors", 12,
                   "00aa06d3014798d86001c324468d497f"}};
  return report;
}

TEST(ShardReportTest, SurvivesTheWay) {
  const auto parsed = ParseShardReport(Serialize(Report()));
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->epoch, UINT64_MAX);
  EXPECT_EQ(parsed->step, 50);
  EXPECT_EQ(parsed->rank, 3);
  EXPECT_TRUE(parsed->status.ok());
  ASSERT_EQ(parsed->files.size(), 2);
  EXPECT_EQ(parsed->files[0].file, "model-00003-of-00004.safetensors");
  EXPECT_EQ(parsed->files[0].size, 123456789012);
  EXPECT_EQ(parsed->files[1].xxh3, "00aa06d3014798d86001c324468d497f");
}

TEST(ShardReportTest, KeepsTheCodeAndCutsALongMessage) {
  ShardReport report = Report();
  report.status = absl::ResourceExhaustedError(std::string(5000, '\x01'));
  const auto parsed = ParseShardReport(Serialize(report));
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->status,
            absl::ResourceExhaustedError(std::string(80, '\x01')));
}

TEST(ShardReportTest, RefusesWhatIsNoReport) {
  EXPECT_EQ(ParseShardReport(ShardReportBytes{}).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ParseShardReport({}).status().code(),
            absl::StatusCode::kInvalidArgument);
  const std::string text = "{\"epoch\": 1}";
  EXPECT_EQ(ParseShardReport(std::as_bytes(std::span(text))).status().message(),
            "shard report: field \"step\" missing");
}

}  // namespace
}  // namespace penstock
