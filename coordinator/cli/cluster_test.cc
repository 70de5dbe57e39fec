// `up` and `down` with shell scripts for daemons. This process answers for the
// coordinator; its script only writes the address.

#include "coordinator/cli/cluster.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "coordinator/cli/cluster_file.h"
#include "coordinator/cli/fake_jobs.h"
#include "coordinator/cli/sample_job.h"
#include "fmt/format.h"
#include "gtest/gtest.h"
#include "proto/base/file.h"

namespace penstock {
namespace {

// Both get --state-dir DIR first.
constexpr char kWorker[] = "#!/bin/sh\necho \"$@\"\nexec sleep 600\n";

class ClusterTest : public testing::Test {
 protected:
  ClusterTest() {
    std::filesystem::remove_all(state_dir_);
    std::filesystem::remove_all(programs_);
    std::filesystem::create_directories(programs_);
    AddProgram("penstock-coordinator",
               "#!/bin/sh\nprintf " + coordinator_.server->address() +
                   " > \"$2/address\"\nexec sleep 600\n");
    AddProgram("penstock-worker", kWorker);
    coordinator_.workers.workers = SampleWorkers();
  }

  ~ClusterTest() override { (void)StopCluster(state_dir_); }

  void AddProgram(const std::string& name, const std::string& script) {
    const std::string path = programs_ + "/" + name;
    ASSERT_TRUE(WriteFileAtomically(path, script).ok());
    chmod(path.c_str(), 0755);
  }

  CliResult Up(const std::string& workers,
               const std::vector<std::string>& more = {}) {
    std::vector<std::string> words = {"up", "--workers", workers, "--state-dir",
                                      state_dir_};
    words.insert(words.end(), more.begin(), more.end());
    return RunForTest(words, /*terminal=*/false, programs_);
  }

  // What worker `i` was started with.
  std::string WordsOf(int i) const {
    const std::string log = fmt::format("{}/worker-{}/log", state_dir_, i);
    std::string words;
    while (words.empty()) words = ReadFile(log).value_or("");
    return words;
  }

  CliResult Down() { return RunForTest({"down", "--state-dir", state_dir_}); }

  const std::string state_dir_ = testing::TempDir() + "cluster_test_state";
  const std::string programs_ = testing::TempDir() + "cluster_test_programs";
  FakeCoordinator coordinator_;
};

TEST_F(ClusterTest, UpStartsAndDownStopsExactlyThose) {
  const CliResult up = Up("2");
  EXPECT_EQ(up.exit_code, 0) << up.err;
  EXPECT_NE(up.out.find("coordinator  " + coordinator_.server->address()),
            std::string::npos);
  EXPECT_NE(up.out.find("penstock job submit -f job.yaml --watch --state-dir " +
                        state_dir_),
            std::string::npos);
  const auto cluster = ReadCluster(state_dir_);
  ASSERT_TRUE(cluster.ok()) << cluster.status();
  ASSERT_EQ(cluster->size(), 3u);
  for (const ClusterProcess& one : *cluster) {
    EXPECT_TRUE(IsAlive(one.process)) << one.name;
  }
  EXPECT_EQ(Down().out, "stopped 3 processes\n");
  for (const ClusterProcess& one : *cluster) {
    EXPECT_FALSE(IsAlive(one.process)) << one.name;
  }
  EXPECT_EQ(Down().out, "nothing was running\n");
}

TEST_F(ClusterTest, TellsWorkersTheirNameCoordinatorRootsAndMemory) {
  EXPECT_EQ(Up("1").exit_code, 0);
  const std::string log = WordsOf(0);
  std::string here = std::filesystem::current_path().string();
  const std::string told = "--state-dir " + state_dir_ + "/worker-0 --root " +
                           state_dir_ + " --root " + here + " --coordinator " +
                           coordinator_.server->address() +
                           " --name worker-0 --listen-host 127.0.0.1 "
                           "--cuda none --memory-bytes ";
  ASSERT_EQ(log.substr(0, told.size()), told);
  EXPECT_GT(std::stoll(log.substr(told.size())), 0);
}

TEST_F(ClusterTest, WorkersTakeCudaDevicesInTurn) {
  EXPECT_EQ(Up("2", {"--cuda", "3"}).exit_code, 0);
  EXPECT_NE(WordsOf(0).find(" --cuda 3 --cuda-sharers 2"), std::string::npos);
  EXPECT_NE(WordsOf(1).find(" --cuda 3 --cuda-sharers 2"), std::string::npos);
  EXPECT_EQ(Down().exit_code, 0);
  std::filesystem::remove_all(state_dir_);
  EXPECT_EQ(Up("2", {"--cuda", "3,1"}).exit_code, 0);
  EXPECT_NE(WordsOf(0).find(" --cuda 3 --cuda-sharers 1"), std::string::npos);
  EXPECT_NE(WordsOf(1).find(" --cuda 1 --cuda-sharers 1"), std::string::npos);
}

TEST_F(ClusterTest, RefusesToStartTwice) {
  EXPECT_EQ(Up("1").exit_code, 0);
  const auto before = ReadCluster(state_dir_);
  const CliResult second = Up("1");
  EXPECT_EQ(second.exit_code, 4);
  EXPECT_NE(
      second.err.find("stop it with: penstock down --state-dir " + state_dir_),
      std::string::npos)
      << second.err;
  const auto after = ReadCluster(state_dir_);
  ASSERT_TRUE(before.ok() && after.ok());
  EXPECT_EQ(*before, *after);
  EXPECT_TRUE(IsAlive(after->front().process));
}

TEST_F(ClusterTest, AFailedStartStopsTheRestAndShowsTheLog) {
  // Writes down what runs, so that it can be looked for after it was stopped.
  AddProgram("penstock-worker",
             "#!/bin/sh\ncase \"$2\" in */worker-0) ;; *) exec sleep 600;; "
             "esac\ncp \"$2/../cluster.json\" \"$2/../seen.json\"\n"
             "echo cannot listen: the port is taken >&2\nexit 3\n");
  // The fake coordinator would take two for registered at once.
  const CliResult result = Up("3");
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_NE(result.err.find("the worker-0 ended while it started"),
            std::string::npos)
      << result.err;
  EXPECT_NE(result.err.find("cannot listen: the port is taken"),
            std::string::npos);
  const auto left = ReadCluster(state_dir_);
  ASSERT_TRUE(left.ok()) << left.status();
  EXPECT_TRUE(left->empty());
  std::filesystem::rename(state_dir_ + "/seen.json",
                          state_dir_ + "/cluster.json");
  const auto seen = ReadCluster(state_dir_);
  ASSERT_TRUE(seen.ok()) << seen.status();
  ASSERT_FALSE(seen->empty());
  EXPECT_FALSE(IsAlive(seen->front().process));
}

TEST_F(ClusterTest, SaysWhenNotAllWorkersComeInTime) {
  // The fake coordinator knows worker-0 and worker-1 as connected only.
  const auto address = StartCluster({.state_dir = state_dir_,
                                     .executable_directory = programs_,
                                     .workers = 3,
                                     .start_timeout = absl::Seconds(1)});
  EXPECT_EQ(address.status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(std::string(address.status().message()).substr(0, 38),
            "not all workers are registered after 1");
}

TEST_F(ClusterTest, CtrlCStopsWhatWasStarted) {
  // The first worker presses it; a second time would end this process.
  AddProgram("penstock-worker",
             "#!/bin/sh\ncase \"$2\" in */worker-0) kill -INT " +
                 std::to_string(getpid()) + ";; esac\nexec sleep 600\n");
  const CliResult result = Up("3");
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.err, "penstock: interrupted; what was started is stopped\n");
  const auto left = ReadCluster(state_dir_);
  ASSERT_TRUE(left.ok()) << left.status();
  EXPECT_TRUE(left->empty());
}

TEST_F(ClusterTest, NamesAMissingProgram) {
  std::filesystem::remove(programs_ + "/penstock-worker");
  const CliResult result = Up("1");
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_EQ(result.err, "penstock: start " + programs_ +
                            "/penstock-worker: No such file or directory\n");
}

TEST_F(ClusterTest, DownWithoutUpIsAnError) {
  const CliResult result = Down();
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_EQ(result.err,
            "penstock: no cluster was started in " + state_dir_ + "\n");
}

}  // namespace
}  // namespace penstock
