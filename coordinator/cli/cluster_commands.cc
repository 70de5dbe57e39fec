#include "coordinator/cli/cluster_commands.h"

#include <filesystem>
#include <memory>
#include <ostream>
#include <string>

#include "coordinator/cli/cluster.h"
#include "coordinator/cli/exit_code.h"
#include "fmt/format.h"
#include "proto/base/status_macros.h"

namespace penstock {
namespace {

struct Options {
  std::string state_dir;
  int workers = 1;
  std::vector<int> cuda;
  int64_t link_latency_us = 0;
  int64_t link_bytes_per_second = 0;
};

absl::StatusOr<std::string> Absolute(const std::string& path) {
  std::error_code error;
  const auto absolute = std::filesystem::absolute(path, error);
  if (error) return absl::NotFoundError("the current directory is gone");
  std::string text = absolute.lexically_normal().string();
  if (text.size() > 1 && text.ends_with('/')) text.pop_back();
  return text;
}

absl::StatusOr<int> RunUp(const Options& options, Context& context) {
  ClusterOptions cluster{.executable_directory = context.executable_directory,
                         .workers = options.workers,
                         .cuda = options.cuda};
  if (options.link_latency_us > 0) {
    cluster.worker_flags.push_back(
        fmt::format("--link-latency-us={}", options.link_latency_us));
  }
  if (options.link_bytes_per_second > 0) {
    cluster.worker_flags.push_back(fmt::format("--link-bytes-per-second={}",
                                               options.link_bytes_per_second));
  }
  ASSIGN_OR_RETURN(cluster.state_dir, Absolute(options.state_dir));
  ASSIGN_OR_RETURN(const std::string started_in, Absolute("."));
  cluster.roots = {cluster.state_dir, started_in};
  ASSIGN_OR_RETURN(const std::string address, StartCluster(cluster));
  context.console.out << fmt::format(
      "coordinator  {}\n"
      "workers      {}\n"
      "state, logs  {}\n"
      "job paths    below {} or {}\n"
      "\n"
      "Train:  penstock job submit -f job.yaml --watch --state-dir {}\n"
      "Stop:   penstock down --state-dir {}\n",
      address, options.workers, cluster.state_dir, cluster.state_dir,
      started_in, options.state_dir, options.state_dir);
  return kExitOk;
}

absl::StatusOr<int> RunDown(const Options& options, Context& context) {
  ASSIGN_OR_RETURN(const std::string state_dir, Absolute(options.state_dir));
  ASSIGN_OR_RETURN(const int stopped, StopCluster(state_dir));
  context.console.out << (stopped == 0
                              ? std::string("nothing was running\n")
                              : fmt::format("stopped {} processes\n", stopped));
  return kExitOk;
}

void AddStateDir(CLI::App& command, const std::shared_ptr<Options>& options) {
  command
      .add_option("--state-dir", options->state_dir,
                  "Directory of the cluster's files")
      ->envname("PENSTOCK_STATE_DIR")
      ->required()
      ->option_text("DIR");
}

}  // namespace

void AddClusterCommands(CLI::App& app, Context& context) {
  const auto options = std::make_shared<Options>();
  CLI::App& up = *app.add_subcommand(
      "up", "Start a coordinator and workers on this machine");
  AddStateDir(up, options);
  up.add_option("--workers", options->workers, "Number of worker processes")
      ->check(CLI::Range(1, 64))
      ->capture_default_str()
      ->option_text("1..64");
  up.add_option("--cuda", options->cuda,
                "CUDA devices for the workers, which take them in turn, one "
                "each; several may share one. Default: CPUs")
      ->delimiter(',')
      ->check(CLI::Range(0, 63))
      ->option_text("0,1,...");
  up.add_option("--link-latency-us", options->link_latency_us,
                "So much longer take messages between ranks: to try out "
                "schedules on a slow network")
      ->check(CLI::Range(0, 10'000'000))
      ->option_text("0..10^7");
  up.add_option("--link-bytes-per-second", options->link_bytes_per_second,
                "And so many bytes leave one rank for another")
      ->check(CLI::NonNegativeNumber)
      ->option_text("N");
  up.callback([options, &context] {
    context.run = [options, &context] { return RunUp(*options, context); };
  });

  CLI::App& down =
      *app.add_subcommand("down", "Stop what `up` started there, only that");
  AddStateDir(down, options);
  down.callback([options, &context] {
    context.run = [options, &context] { return RunDown(*options, context); };
  });
}

}  // namespace penstock
