#include "worker/runtime/step_agreement.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <span>
#include <utility>

#include "proto/base/clock.h"
#include "proto/base/status_macros.h"
#include "worker/runtime/message_tag.h"
#include "worker/runtime/peers.h"

namespace penstock {
namespace {

// A report on the wire: header, norms as doubles, one shard report. Machines of
// one plan have one byte order; versions are equal.
struct ReportHeader {
  double loss_sum = 0;
  double busy_seconds = 0;
  uint64_t has_shard = 0;
  uint64_t revision = 0;
};

struct DecisionMessage {
  double loss = 0;
  double grad_norm = 0;
  double clip_factor = 1;
  uint64_t checkpoint = 0;
  int64_t last_step = 0;
  uint64_t revision = 0;
};

size_t ReportBytes(int norms) {
  return sizeof(ReportHeader) + static_cast<size_t>(norms) * sizeof(double) +
         kShardReportBytes;
}

std::vector<std::byte> Encode(const StepReport& report) {
  const int norms = static_cast<int>(report.norms_squared.size());
  std::vector<std::byte> bytes(ReportBytes(norms));
  const ReportHeader header{.loss_sum = report.loss_sum,
                            .busy_seconds = report.busy_seconds,
                            .has_shard = report.shard.has_value() ? 1u : 0u,
                            .revision = report.revision};
  std::memcpy(bytes.data(), &header, sizeof(header));
  std::byte* body = bytes.data() + sizeof(header);
  std::copy_n(reinterpret_cast<const std::byte*>(report.norms_squared.data()),
              norms * sizeof(double), body);
  if (report.shard.has_value()) {
    const ShardReportBytes shard = Serialize(*report.shard);
    std::copy(shard.begin(), shard.end(), body + norms * sizeof(double));
  }
  return bytes;
}

absl::StatusOr<StepReport> Decode(std::span<const std::byte> bytes, int norms) {
  ReportHeader header;
  std::memcpy(&header, bytes.data(), sizeof(header));
  StepReport report{.loss_sum = header.loss_sum,
                    .busy_seconds = header.busy_seconds,
                    .norms_squared = std::vector<double>(norms),
                    .revision = header.revision};
  const std::byte* body = bytes.data() + sizeof(header);
  std::copy_n(body, norms * sizeof(double),
              reinterpret_cast<std::byte*>(report.norms_squared.data()));
  if (header.has_shard != 0) {
    ASSIGN_OR_RETURN(
        report.shard,
        ParseShardReport({body + norms * sizeof(double), kShardReportBytes}));
  }
  return report;
}

}  // namespace

StepAgreement::StepAgreement(const Plan& plan, const Assignment& assignment,
                             std::vector<int> norm_counts, Link& link,
                             absl::Duration wait_max)
    : self_(PeerOf(plan, assignment.replica, assignment.rank)),
      peers_(static_cast<int>(plan.ranks.size() * plan.spec.parallelism.data)),
      norm_counts_(std::move(norm_counts)),
      link_(link),
      wait_max_(wait_max),
      reports_(peers_),
      decision_(sizeof(DecisionMessage)) {}

absl::StatusOr<StepDecision> StepAgreement::Agree(int64_t step,
                                                  const StepReport& report,
                                                  const Decide& decide) {
  const MessageKey report_key =
      MakeKey(step, MessageKind::kStepReport, 0, self_);
  const MessageKey decision_key =
      MakeKey(step, MessageKind::kStepDecision, 0, 0);
  DecisionMessage message;
  if (!is_leader()) {
    const absl::Time deadline = SteadyNow() + wait_max_;
    reports_[self_] = Encode(report);
    RETURN_IF_ERROR(link_.PostReceive(0, decision_key, decision_));
    RETURN_IF_ERROR(link_.Send(0, report_key, reports_[self_]));
    RETURN_IF_ERROR(link_.WaitSent(0, report_key, deadline));
    RETURN_IF_ERROR(link_.WaitReceived(0, decision_key, deadline));
    std::memcpy(&message, decision_.data(), sizeof(message));
  } else {
    ASSIGN_OR_RETURN(const std::vector<StepReport> reports,
                     Gather(step, report));
    ASSIGN_OR_RETURN(const StepDecision decision, decide(reports));
    message = {.loss = decision.loss,
               .grad_norm = decision.grad_norm,
               .clip_factor = decision.clip_factor,
               .checkpoint = decision.checkpoint ? 1u : 0u,
               .last_step = decision.last_step,
               .revision = decision.revision};
    std::memcpy(decision_.data(), &message, sizeof(message));
    for (int peer = 1; peer < peers_; ++peer) {
      RETURN_IF_ERROR(link_.Send(peer, decision_key, decision_));
    }
    // Counts from here: gathering and deciding have taken their own time.
    const absl::Time deadline = SteadyNow() + wait_max_;
    for (int peer = 1; peer < peers_; ++peer) {
      RETURN_IF_ERROR(link_.WaitSent(peer, decision_key, deadline));
    }
  }
  return StepDecision{.loss = message.loss,
                      .grad_norm = message.grad_norm,
                      .clip_factor = message.clip_factor,
                      .checkpoint = message.checkpoint != 0,
                      .last_step = message.last_step,
                      .revision = message.revision};
}

absl::StatusOr<std::vector<StepReport>> StepAgreement::Gather(
    int64_t step, const StepReport& own) {
  for (int peer = 1; peer < peers_; ++peer) {
    reports_[peer].resize(ReportBytes(NormCount(peer)));
    RETURN_IF_ERROR(link_.PostReceive(
        peer, MakeKey(step, MessageKind::kStepReport, 0, peer),
        reports_[peer]));
  }
  std::vector<StepReport> reports = {own};
  const absl::Time deadline = SteadyNow() + wait_max_;
  for (int peer = 1; peer < peers_; ++peer) {
    RETURN_IF_ERROR(link_.WaitReceived(
        peer, MakeKey(step, MessageKind::kStepReport, 0, peer), deadline));
    ASSIGN_OR_RETURN(StepReport report,
                     Decode(reports_[peer], NormCount(peer)));
    reports.push_back(std::move(report));
  }
  return reports;
}

int StepAgreement::NormCount(int peer) const {
  return norm_counts_[static_cast<size_t>(peer) % norm_counts_.size()];
}

}  // namespace penstock
