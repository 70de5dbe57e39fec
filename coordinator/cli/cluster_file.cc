#include "coordinator/cli/cluster_file.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>

#include "fmt/format.h"
#include "nlohmann/json.hpp"
#include "proto/base/status_macros.h"

namespace penstock {
namespace {

using nlohmann::json;

std::string PathOf(const std::string& state_dir) {
  return state_dir + "/cluster.json";
}

absl::Status Damaged(const std::string& state_dir) {
  return absl::InvalidArgumentError(fmt::format(
      "{}: not a file of penstock up; nothing was stopped. Remove it when "
      "nothing of this cluster runs",
      PathOf(state_dir)));
}

bool IsProcess(const json& entry) {
  return entry.is_object() && entry.contains("name") &&
         entry["name"].is_string() && entry.contains("pid") &&
         entry["pid"].is_number_integer() && entry["pid"] > 1 &&
         entry.contains("start_ticks") &&
         entry["start_ticks"].is_number_unsigned();
}

}  // namespace

absl::StatusOr<std::vector<ClusterProcess>> ReadCluster(
    const std::string& state_dir) {
  const absl::StatusOr<std::string> text =
      ReadFile(PathOf(state_dir), /*size_max=*/1 << 20);
  if (absl::IsNotFound(text.status())) return std::vector<ClusterProcess>();
  if (!text.ok()) return text.status();
  const json file = json::parse(*text, nullptr, /*allow_exceptions=*/false);
  if (!file.is_object() || !file.contains("processes") ||
      !file["processes"].is_array()) {
    return Damaged(state_dir);
  }
  std::vector<ClusterProcess> processes;
  for (const json& entry : file["processes"]) {
    if (!IsProcess(entry)) return Damaged(state_dir);
    processes.push_back(
        {entry["name"].get<std::string>(),
         {.pid = entry["pid"].get<pid_t>(),
          .start_ticks = entry["start_ticks"].get<uint64_t>()}});
  }
  return processes;
}

absl::Status WriteCluster(const std::string& state_dir,
                          const std::vector<ClusterProcess>& processes) {
  json file = {{"processes", json::array()}};
  for (const ClusterProcess& process : processes) {
    file["processes"].push_back({{"name", process.name},
                                 {"pid", process.process.pid},
                                 {"start_ticks", process.process.start_ticks}});
  }
  return WriteFileAtomically(PathOf(state_dir), file.dump(2) + "\n");
}

absl::StatusOr<FileDescriptor> LockCluster(const std::string& state_dir) {
  const std::string path = state_dir + "/cluster.lock";
  FileDescriptor lock(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (lock.get() < 0) return ErrnoStatus(errno, path);
  if (flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return ErrnoStatus(errno, path);
    return absl::FailedPreconditionError(
        fmt::format("another penstock up or down is at work in {}; wait for it",
                    state_dir));
  }
  return lock;
}

}  // namespace penstock
