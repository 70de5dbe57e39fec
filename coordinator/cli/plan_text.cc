#include "coordinator/cli/plan_text.h"

#include <algorithm>

#include "absl/time/time.h"
#include "coordinator/cli/quantity_text.h"
#include "coordinator/cli/table.h"
#include "fmt/format.h"
#include "google/protobuf/duration.pb.h"

namespace penstock {
namespace {

absl::Duration ToDuration(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) +
         absl::Nanoseconds(duration.nanos());
}

// Embedding and head are units but not layers; a sim model has only layers.
int64_t Layers(const v1::Job& job, const v1::StagePlan& stage) {
  if (job.spec().model().has_sim()) {
    return stage.unit_end() - stage.unit_begin();
  }
  const auto& stages = job.plan().stages();
  const int64_t head = stages[stages.size() - 1].unit_end() - 1;
  return std::max<int64_t>(0, std::min(stage.unit_end(), head) -
                                  std::max<int64_t>(stage.unit_begin(), 1));
}

std::string Plural(int64_t count, const std::string& noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

// "2 ranks", "2 ranks of 2 stages", and whether they hold the model twice.
std::string RanksText(const v1::Plan& plan) {
  std::string text = Plural(plan.ranks_size(), "rank");
  if (plan.ranks_size() > 0 && plan.stages_size() > plan.ranks_size()) {
    text +=
        fmt::format(" of {} stages", plan.stages_size() / plan.ranks_size());
  }
  if (plan.copies() > 1) text += ", both directions,";
  return text;
}

std::string Heading(const v1::Job& job) {
  const auto& batch = job.spec().batch();
  const int64_t micro_batches =
      batch.has_micro_batches() ? batch.micro_batches() : 1;
  const int64_t samples =
      batch.has_micro_batch_size() ? batch.micro_batch_size() : 1;
  const std::string precision =
      job.spec().model().has_sim() || !job.spec().has_precision()
          ? ""
          : fmt::format(", {}", job.spec().precision());
  return fmt::format("Plan of {}: {} x {}, schedule {}, {} of {} per step{}\n",
                     job.spec().name(), RanksText(job.plan()),
                     Plural(std::max(1, job.plan().replicas()), "replica"),
                     job.plan().schedule(),
                     fmt::format("{} micro-batch{}", micro_batches,
                                 micro_batches == 1 ? "" : "es"),
                     Plural(samples, "sample"), precision);
}

std::string ReasonText(const v1::Plan& plan) {
  if (plan.schedule_reason().empty()) return "";
  return fmt::format("Chosen: {}\n", plan.schedule_reason());
}

std::string StagesText(const v1::Job& job, int width) {
  Table table({"STAGE>", "RANK>", "LAYERS>", "FORWARD>", "BACKWARD>", "UNITS"});
  for (int i = 0; i < job.plan().stages_size(); ++i) {
    const v1::StagePlan& stage = job.plan().stages(i);
    table.AddRow({std::to_string(i), std::to_string(stage.rank()),
                  std::to_string(Layers(job, stage)),
                  DurationText(ToDuration(stage.forward())),
                  DurationText(ToDuration(stage.input_gradient()) +
                               ToDuration(stage.weight_gradient())),
                  stage.description()});
  }
  return table.ToString(width);
}

std::string MemoryText(const v1::Plan& plan, int width) {
  Table table({"RANK>", "TOTAL>", "WEIGHTS>", "GRADIENTS>", "OPTIMIZER>",
               "ACTIVATIONS>", "BUFFERS>", "WORKSPACE>", "CHECKPOINT>",
               "PROCESS>"});
  for (int i = 0; i < plan.ranks_size(); ++i) {
    const v1::MemoryForecast& memory = plan.ranks(i).memory();
    table.AddRow({std::to_string(i), BytesText(memory.total()),
                  BytesText(memory.weights()), BytesText(memory.gradients()),
                  BytesText(memory.optimizer()),
                  BytesText(memory.activations()), BytesText(memory.buffers()),
                  BytesText(memory.workspace()), BytesText(memory.checkpoint()),
                  BytesText(memory.process())});
  }
  return table.ToString(width);
}

// "1>0", with several replicas "replica:rank>replica:rank".
std::string EdgeText(const v1::Plan& plan, int sender, int receiver) {
  const int ranks = plan.ranks_size();
  if (plan.replicas() <= 1) return fmt::format("{}>{}", sender, receiver);
  return fmt::format("{}:{}>{}:{}", sender / ranks, sender % ranks,
                     receiver / ranks, receiver % ranks);
}

// "0>1 1>0, sums of ranks 0 1"; only some of many.
std::string WaysText(const v1::Plan& plan, const v1::LinkPlan& link) {
  constexpr int kEdgesMax = 6;
  std::vector<std::string> edges;
  for (int i = 0; i < std::min(link.senders_size(), kEdgesMax); ++i) {
    edges.push_back(EdgeText(plan, link.senders(i), link.receivers(i)));
  }
  if (link.senders_size() > kEdgesMax) {
    edges.push_back(
        fmt::format("and {} more", link.senders_size() - kEdgesMax));
  }
  if (link.summing_ranks_size() == 0)
    return fmt::to_string(fmt::join(edges, " "));
  return fmt::format("{}{}sums of rank{} {}", fmt::join(edges, " "),
                     edges.empty() ? "" : ", ",
                     link.summing_ranks_size() == 1 ? "" : "s",
                     fmt::join(link.summing_ranks(), " "));
}

std::string LinksText(const v1::Plan& plan, int width) {
  if (plan.links().empty()) return "";
  Table table({"LINK", "WAYS", "REASON"});
  for (const v1::LinkPlan& link : plan.links()) {
    table.AddRow({link.link(), WaysText(plan, link), link.reason()});
  }
  return "\n" + table.ToString(width);
}

}  // namespace

std::string PlanText(const v1::Job& job, int width) {
  const v1::Plan& plan = job.plan();
  if (plan.stages().empty()) return "No plan yet.\n";
  return fmt::format(
      "{}\n{}\nMemory of each worker:\n{}{}\nPredicted: step {}, {} "
      "tokens/s, bubble {}\n",
      Heading(job) + ReasonText(plan), StagesText(job, width),
      MemoryText(plan, width), LinksText(plan, width),
      DurationText(ToDuration(plan.step_time())),
      CountText(plan.tokens_per_second()), PercentText(plan.bubble_fraction()));
}

}  // namespace penstock
