#include "proto/rpc/loopback.h"

#include "gtest/gtest.h"

namespace penstock {
namespace {

TEST(LoopbackTest, KnowsWhatStaysOnTheMachine) {
  for (const char* address : {"127.0.0.1:1", "127.8.9.10:0", "localhost:80",
                              "[::1]:80", "unix:/run/penstock.sock"}) {
    EXPECT_TRUE(IsLoopback(address)) << address;
  }
}

TEST(LoopbackTest, TakesEverythingElseForForeign) {
  for (const char* address :
       {"", "127.0.0.1", "0.0.0.0:1", "[::]:1", "::1:80", "10.0.0.1:80",
        "127.example.org:80", "localhost.example.org:80", "dns:///localhost:80",
        "127.1:80", "1270.0.0.1:80"}) {
    EXPECT_FALSE(IsLoopback(address)) << address;
  }
}

}  // namespace
}  // namespace penstock
