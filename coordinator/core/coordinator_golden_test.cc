// Runs the scripts in testdata/ against the coordinator's core: each is a story
// to be read, commands with what they lead to. A script is a sequence of blocks
//
//   <command>
//   ...
//   ----
//   <output>
//   <empty line>
//
// with these commands:
//   submit <job> pipeline=<n> data=<n> steps=<n>
//   cancel <job>, pause <job>, resume <job> [pipeline=<n>], show <job>
//   report <worker> [incarnation=<n>] <device> [| <device>]...
//     where a device is IDLE, or a state and
//     <job>/<epoch>/<replica>/<rank> [step=<n>] [checkpoint=<n>]
//     [failure=<code>]
//   pass <seconds>
//   restart    the coordinator, from what it gave to the journal
//   drain <worker>, undrain <worker>
// Workers count their reports and follow every answer. When the output differs,
// the test prints the whole script as it would be right.
#include <cstdlib>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "coordinator/core/coordinator.h"
#include "fmt/format.h"
#include "gtest/gtest.h"
#include "proto/base/file.h"

namespace penstock {
namespace {

using Fields = std::map<std::string, std::string>;

std::vector<std::string> Split(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

// The words of the form key=value.
Fields FieldsOf(const std::vector<std::string>& words) {
  Fields fields;
  for (const std::string& word : words) {
    const size_t equals = word.find('=');
    if (equals == std::string::npos) continue;
    fields[word.substr(0, equals)] = word.substr(equals + 1);
  }
  return fields;
}

int64_t NumberOf(const Fields& fields, const std::string& key,
                 int64_t otherwise) {
  const auto found = fields.find(key);
  return found == fields.end() ? otherwise : std::stoll(found->second);
}

absl::StatusOr<Plan> PlanOf300MiB(const JobSpec& spec,
                                  const std::vector<DeviceShape>&,
                                  const StartPoint& known) {
  Plan plan{.spec = spec, .start = known};
  for (int64_t rank = 0; rank < spec.parallelism.pipeline; ++rank) {
    plan.ranks.push_back({.memory = {.weights = int64_t{300} << 20}});
  }
  return plan;
}

DeviceState ParseState(const std::string& text) {
  for (const DeviceState state :
       {DeviceState::kIdle, DeviceState::kPreparing, DeviceState::kReady,
        DeviceState::kRunning, DeviceState::kFinished, DeviceState::kFailed}) {
    if (ToString(state) == text) return state;
  }
  ADD_FAILURE() << "no such state: " << text;
  return DeviceState::kIdle;
}

Assignment ParseAssignment(std::string text) {
  for (char& c : text) {
    if (c == '/') c = ' ';
  }
  const std::vector<std::string> parts = Split(text);
  EXPECT_EQ(parts.size(), 4u) << text;
  return {parts[0], std::stoull(parts[1]), std::stoi(parts[2]),
          std::stoi(parts[3])};
}

std::string Describe(const DeviceInstruction& device) {
  if (!device.assignment) return "be idle";
  const Assignment& assignment = *device.assignment;
  std::string text =
      fmt::format("execute {}/{}/{}/{}", assignment.job, assignment.epoch,
                  assignment.replica, assignment.rank);
  if (device.plan != nullptr) {
    text += fmt::format(", plan from step {}", device.plan->start.step);
  }
  for (size_t i = 0; i < device.peers.size(); ++i) {
    text += fmt::format("{}{}", i == 0 ? ", peers " : " ", device.peers[i]);
  }
  return text + (device.pause ? ", pause" : "");
}

class Script {
 public:
  Script() { Start(); }

  std::string Run(const std::string& command) {
    const std::vector<std::string> words = Split(command);
    std::string output;
    if (words[0] == "report") {
      output = Report(command, words[1]);
    } else if (words[0] == "pass") {
      now_ += absl::Seconds(std::stoi(words[1]));
      coordinator_->Tick(now_);
    } else if (words[0] == "restart") {
      Start();
    } else if (words[0] == "drain" || words[0] == "undrain") {
      const auto worker =
          coordinator_->Drain(words[1], words[0] == "undrain", now_);
      if (!worker.ok()) output = worker.status().ToString() + "\n";
    } else {
      output = Ask(words);
    }
    return TakeEvents() + output;
  }

 private:
  struct Worker {
    Incarnation incarnation = 1;
    uint64_t sequence = 0;
    uint64_t answered = 0;
  };

  void Start() {
    coordinator_ = std::make_unique<Coordinator>(
        Coordinator::Options{.version = "1"}, PlanOf300MiB);
    std::vector<JobRecord> records;
    for (const auto& [name, record] : journal_) records.push_back(record);
    coordinator_->Recover(records, {}, now_);
  }

  std::string TakeEvents() {
    const Changes changes = coordinator_->TakeChanges();
    for (const JobChange& job : changes.jobs) {
      if (job.durable) journal_[job.record.spec.name] = job.record;
    }
    std::string text;
    for (const Event& event : changes.events) text += event.text + "\n";
    return text;
  }

  std::string Report(const std::string& command, const std::string& name) {
    Worker& worker = workers_[name];
    std::istringstream devices(
        command.substr(command.find(name) + name.size()));
    WorkerReport report{.name = name, .version = "1"};
    for (std::string text; std::getline(devices, text, '|');) {
      report.devices.push_back(ParseDevice(Split(text), name, worker));
    }
    report.incarnation = worker.incarnation;
    report.sequence = ++worker.sequence;
    report.answered = worker.answered;
    const auto instruction = coordinator_->Synchronize(report, now_);
    if (!instruction.ok()) return instruction.status().ToString() + "\n";
    worker.answered = worker.sequence;
    std::string text;
    for (size_t i = 0; i < instruction->devices.size(); ++i) {
      text +=
          fmt::format("{}:{} {}\n", name, i, Describe(instruction->devices[i]));
    }
    return text;
  }

  static DeviceReport ParseDevice(const std::vector<std::string>& words,
                                  const std::string& name, Worker& worker) {
    DeviceReport device{.shape = {"cpu", int64_t{1} << 30, 1e11}};
    const Fields fields = FieldsOf(words);
    const Incarnation incarnation =
        NumberOf(fields, "incarnation", worker.incarnation);
    if (incarnation != worker.incarnation)
      worker = {.incarnation = incarnation};
    size_t i = words[0].starts_with("incarnation=") ? 1 : 0;
    device.state = ParseState(words[i]);
    if (device.state == DeviceState::kIdle) return device;
    device.assignment = ParseAssignment(words[i + 1]);
    device.transport_address = name + ":1";
    device.progress.step = NumberOf(fields, "step", 0);
    device.progress.checkpoint_step = NumberOf(fields, "checkpoint", 0);
    if (fields.contains("checkpoint")) {
      device.progress.checkpoint = "step-" + fields.at("checkpoint");
    }
    if (fields.contains("failure")) {
      device.failure = absl::Status(
          static_cast<absl::StatusCode>(std::stoi(fields.at("failure"))),
          "it went wrong");
    }
    return device;
  }

  std::string Ask(const std::vector<std::string>& words) {
    const std::string id = fmt::format("request {}", ++requests_);
    const std::string& name = words[1];
    const Fields fields = FieldsOf(words);
    absl::StatusOr<JobView> job = absl::InvalidArgumentError(words[0]);
    if (words[0] == "submit") {
      JobSpec spec{.name = name};
      spec.parallelism.pipeline = NumberOf(fields, "pipeline", 1);
      spec.parallelism.data = NumberOf(fields, "data", 1);
      spec.steps = NumberOf(fields, "steps", 1);
      job = coordinator_->Submit(id, spec, now_);
    } else if (words[0] == "cancel") {
      job = coordinator_->Cancel(id, name, now_);
    } else if (words[0] == "pause") {
      job = coordinator_->Pause(id, name, now_);
    } else if (words[0] == "resume") {
      std::optional<ParallelismSpec> parallelism;
      if (fields.contains("pipeline")) {
        parallelism = {.pipeline = NumberOf(fields, "pipeline", 1)};
      }
      job = coordinator_->Resume(id, name, parallelism, now_);
    } else if (words[0] == "show") {
      job = coordinator_->Get(name);
    }
    if (!job.ok()) return job.status().ToString() + "\n";
    return fmt::format("{}: {} epoch {} step {}: {}\n", name,
                       ToString(job->record.state), job->record.epoch,
                       job->record.step, job->record.reason);
  }

  absl::Time now_ = absl::UnixEpoch();
  std::map<std::string, JobRecord> journal_;
  std::map<std::string, Worker> workers_;
  int requests_ = 0;
  std::unique_ptr<Coordinator> coordinator_;
};

// The script with the output that it leads to.
std::string Play(const std::string& text) {
  Script script;
  std::istringstream lines(text);
  std::string result;
  std::string output;
  bool skip = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.empty()) {
      skip = false;
      result += "\n";
    } else if (line == "----") {
      skip = true;
      result += "----\n" + output;
      output.clear();
    } else if (line.starts_with("#")) {
      result += line + "\n";
    } else if (!skip) {
      result += line + "\n";
      output += script.Run(line);
    }
  }
  return result;
}

class CoordinatorGoldenTest : public testing::TestWithParam<std::string> {};

TEST_P(CoordinatorGoldenTest, TellsTheStory) {
  const std::string path = "coordinator/core/testdata/" + GetParam() + ".txt";
  const absl::StatusOr<std::string> text = ReadFile(path);
  ASSERT_TRUE(text.ok()) << text.status();
  const std::string actual = Play(*text);
  EXPECT_EQ(*text, actual) << "right would be:\n" << actual;
}

INSTANTIATE_TEST_SUITE_P(Stories, CoordinatorGoldenTest,
                         testing::Values("runs_to_its_end",
                                         "worker_lost_while_running",
                                         "coordinator_restarted",
                                         "paused_and_resumed"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace penstock
