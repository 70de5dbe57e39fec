#include "worker/link/grpc_event_loop.h"

#include <grpc/support/time.h>

#include <utility>

namespace penstock {

GrpcEventLoop::GrpcEventLoop(std::unique_ptr<grpc::CompletionQueue> queue)
    : queue_(std::move(queue)) {}

GrpcEventLoop::~GrpcEventLoop() { Stop(); }

void GrpcEventLoop::Start() {
  {
    MutexLock lock(mutex_);
    running_ = true;
  }
  thread_ = std::thread([this] {
    void* tag = nullptr;
    bool ok = false;
    while (queue_->Next(&tag, &ok)) (*static_cast<Handler*>(tag))(ok);
  });
}

void GrpcEventLoop::Post(std::function<void()> task) {
  MutexLock lock(mutex_);
  if (!running_) return;
  tasks_.push_back(std::move(task));
  if (woken_) return;
  woken_ = true;
  // An alarm that has rung already is how a thread in Next is woken.
  alarm_.Set(queue_.get(), gpr_inf_past(GPR_CLOCK_MONOTONIC), &run_tasks_);
}

void GrpcEventLoop::RunTasks() {
  std::vector<std::function<void()>> tasks;
  {
    MutexLock lock(mutex_);
    woken_ = false;
    if (!running_) return;
    tasks.swap(tasks_);
  }
  for (const auto& task : tasks) task();
}

void GrpcEventLoop::Stop() {
  {
    MutexLock lock(mutex_);
    running_ = false;
  }
  queue_->Shutdown();
  if (thread_.joinable()) {
    thread_.join();
    return;
  }
  // gRPC wants its queues drained, used or not.
  void* tag = nullptr;
  bool ok = false;
  while (queue_->Next(&tag, &ok)) {
  }
}

}  // namespace penstock
