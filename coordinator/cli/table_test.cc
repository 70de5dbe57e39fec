#include "coordinator/cli/table.h"

#include "gtest/gtest.h"

namespace penstock {
namespace {

TEST(TableTest, AlignsColumns) {
  Table table({"NAME", "STEP>", "REASON"});
  table.AddRow({"kjv", "7", "trains"});
  table.AddRow({"a-longer-name", "1200", ""});
  EXPECT_EQ(table.ToString(80),
            "NAME           STEP  REASON\n"
            "kjv               7  trains\n"
            "a-longer-name  1200\n");
}

TEST(TableTest, CutsTheLastColumnToTheWidth) {
  Table table({"NAME", "REASON"});
  table.AddRow({"kjv", "waits for two devices"});
  EXPECT_EQ(table.ToString(16), "NAME  REASON\nkjv   waits f...\n");
}

TEST(TableTest, CountsCharactersNotBytes) {
  EXPECT_EQ(ColumnsOf("\u00e9t\u00e9"), 3);
  EXPECT_EQ(Shorten("\u00e9t\u00e9s d'hiver", 6), "\u00e9t\u00e9...");
  EXPECT_EQ(Shorten("\u00e9t\u00e9", 3), "\u00e9t\u00e9");
}

}  // namespace
}  // namespace penstock
