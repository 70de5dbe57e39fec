// Small libraries of our own stand for NCCL's versions; see the BUILD file.

#include "worker/link/nccl_shared_library.h"

#include "fmt/format.h"
#include "gtest/gtest.h"
#include "proto/communicator.h"

namespace penstock {
namespace {

constexpr int kWanted = 22809;

TEST(NcclSharedLibraryTest, WritesVersionsAsNcclDoes) {
  EXPECT_EQ(NcclVersionText(22809), "2.28.9");
  EXPECT_EQ(NcclVersionText(21003), "2.10.3");
  EXPECT_EQ(NcclVersionText(2708), "2.7.8");
}

TEST(NcclSharedLibraryTest, SaysThatThereIsNone) {
  const absl::Status status =
      NcclSharedLibrary::Load("libnccl_that_is_not_there.so.2", kWanted)
          .status();
  EXPECT_EQ(status, absl::UnavailableError(
                        "no NCCL: libnccl_that_is_not_there.so.2: cannot open "
                        "shared object file: No such file or directory; wanted "
                        "is NCCL 2.28.9 or a later 2.x"));
}

TEST(NcclSharedLibraryTest, NamesTheVersionFoundAndWanted) {
  for (const auto& [file, version] :
       {std::pair{"old", "2.10.3"}, std::pair{"other", "3.0.1"}}) {
    const std::string path = fmt::format("worker/link/libnccl_{}.so", file);
    const absl::Status status = NcclSharedLibrary::Load(path, kWanted).status();
    EXPECT_EQ(status, absl::FailedPreconditionError(fmt::format(
                          "{} is NCCL {}; wanted is NCCL 2.28.9 or a later 2.x",
                          path, version)));
  }
}

TEST(NcclSharedLibraryTest, TakesALaterOneAndMissesWhatItHasNot) {
  const auto library =
      NcclSharedLibrary::Load("worker/link/libnccl_later.so", kWanted);
  ASSERT_TRUE(library.ok()) << library.status();
  EXPECT_EQ(library->version(), 23001);
  void (*send)() = nullptr;
  EXPECT_EQ(library->Find("ncclSend", send),
            absl::FailedPreconditionError(
                "worker/link/libnccl_later.so has no ncclSend"));
}

TEST(NcclSharedLibraryTest, RefusesWhatIsNotNccl) {
  const absl::Status status =
      NcclSharedLibrary::Load("libm.so.6", kWanted).status();
  EXPECT_EQ(status, absl::FailedPreconditionError(
                        "libm.so.6 tells no version; wanted is NCCL 2.28.9 or "
                        "a later 2.x"));
}

}  // namespace
}  // namespace penstock
