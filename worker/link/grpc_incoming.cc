#include "worker/link/grpc_incoming.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "proto/base/check.h"
#include "proto/base/status_macros.h"
#include "worker/link/grpc_bytes.h"
#include "worker/link/grpc_incoming_stream.h"
#include "worker/link/receive_buffers.h"

namespace penstock {
namespace {

// A slice with its prefix, and room for a sender with other habits.
constexpr int kMessageBytesMax = 2 << 20;
constexpr size_t kHelloBytesMax = 4096;

// Calls beyond one per peer, e.g. of executors of an old epoch.
constexpr size_t kStrangersMax = 64;

// gRPC ends cancelled calls at once.
constexpr absl::Duration kEndTimeout = absl::Seconds(30);

}  // namespace

class GrpcIncoming::Streams : public IncomingStream::Owner {
 public:
  Streams(const IncomingOptions& options, const IncomingEvents& events)
      : options_(options), events_(events), peers_(options.peers) {}

  RawTensorTransport* service() { return &service_; }

  void Listen(GrpcEventLoop* loop, grpc::ServerCompletionQueue* queue);
  void Post(int peer, const MessageKey& key, std::span<std::byte> bytes);
  void Abort(const absl::Status& reason);
  bool WaitUntilEmpty(absl::Time deadline);

  void OnCall(IncomingStream& stream) override;
  absl::Status OnMessage(IncomingStream& stream,
                         grpc::ByteBuffer& message) override;
  void OnClosed(IncomingStream& stream) override;
  void OnDone(IncomingStream& stream) override;

 private:
  struct Peer {
    ReceiveBuffers buffers;
    IncomingStream* stream = nullptr;                      // Since its hello.
    std::vector<std::pair<MessageKey, uint64_t>> credits;  // Before that.
    bool met = false;
  };

  absl::StatusOr<int> SenderOf(grpc::ByteBuffer& message) const;
  absl::Status TakeHello(IncomingStream& stream, grpc::ByteBuffer& message);
  absl::Status TakeSlice(IncomingStream& stream, grpc::ByteBuffer& message);

  const IncomingOptions options_;
  const IncomingEvents events_;
  RawTensorTransport service_;
  GrpcEventLoop* loop_ = nullptr;
  grpc::ServerCompletionQueue* queue_ = nullptr;
  std::vector<Peer> peers_;
  absl::Status aborted_;

  std::map<IncomingStream*, std::unique_ptr<IncomingStream>> streams_;
  Mutex mutex_;
  CondVar changed_;
  size_t count_ ABSL_GUARDED_BY(mutex_) = 0;  // Of streams.
};

void GrpcIncoming::Streams::Listen(GrpcEventLoop* loop,
                                   grpc::ServerCompletionQueue* queue) {
  loop_ = loop;
  queue_ = queue;
  {
    MutexLock lock(mutex_);
    ++count_;
  }
  auto stream = std::make_unique<IncomingStream>(this, &service_, queue_);
  streams_.emplace(stream.get(), std::move(stream));
}

void GrpcIncoming::Streams::OnCall(IncomingStream& stream) {
  Listen(loop_, queue_);
  if (!aborted_.ok()) {
    stream.End(aborted_);
  } else if (streams_.size() > peers_.size() + kStrangersMax) {
    stream.End(absl::ResourceExhaustedError("too many streams"));
  } else {
    stream.ExpectHello(options_.hello_timeout, queue_);
  }
}

absl::Status GrpcIncoming::Streams::OnMessage(IncomingStream& stream,
                                              grpc::ByteBuffer& message) {
  if (!aborted_.ok()) return aborted_;
  if (stream.peer() < 0) return TakeHello(stream, message);
  absl::Status status = TakeSlice(stream, message);
  if (!status.ok()) {
    events_.on_ended(stream.peer(), absl::UnavailableError(fmt::format(
                                        "broke the rules of the transport: {}",
                                        std::string(status.message()))));
  }
  return status;
}

absl::StatusOr<int> GrpcIncoming::Streams::SenderOf(
    grpc::ByteBuffer& message) const {
  internal::v1::SendRequest request;
  if (message.Length() > kHelloBytesMax ||
      !request.ParseFromString(ToText(message)) || !request.has_hello()) {
    return absl::InvalidArgumentError("a stream begins with a hello");
  }
  const internal::v1::Hello& hello = request.hello();
  if (hello.job() != options_.job || hello.epoch() != options_.epoch) {
    return absl::FailedPreconditionError(
        fmt::format("this is epoch {} of job {}, not epoch {} of job {}",
                    options_.epoch, options_.job, hello.epoch(), hello.job()));
  }
  if (hello.receiver() != options_.self || hello.sender() < 0 ||
      hello.sender() >= options_.peers || hello.sender() == options_.self) {
    return absl::FailedPreconditionError(fmt::format(
        "this is peer {} of {}, which does not receive from {} "
        "for {}",
        options_.self, options_.peers, hello.sender(), hello.receiver()));
  }
  if (peers_[hello.sender()].met) {
    return absl::FailedPreconditionError(
        fmt::format("peer {} has sent a stream before", hello.sender()));
  }
  return hello.sender();
}

absl::Status GrpcIncoming::Streams::TakeHello(IncomingStream& stream,
                                              grpc::ByteBuffer& message) {
  ASSIGN_OR_RETURN(const int sender, SenderOf(message));
  Peer& peer = peers_[sender];
  peer.met = true;
  peer.stream = &stream;
  stream.Accept(sender);
  for (const auto& [key, bytes] : peer.credits) stream.SendCredit(key, bytes);
  peer.credits.clear();
  return absl::OkStatus();
}

absl::Status GrpcIncoming::Streams::TakeSlice(IncomingStream& stream,
                                              grpc::ByteBuffer& message) {
  std::array<std::byte, kSlicePrefixBytesMax> begin;
  const size_t begin_bytes = CopyBytes(message, 0, begin);
  ASSIGN_OR_RETURN(
      const ParsedSlice slice,
      ParseSlicePrefix(std::span(begin).first(begin_bytes), message.Length()));
  ASSIGN_OR_RETURN(const ReceiveBuffers::Landing landing,
                   peers_[stream.peer()].buffers.Take(slice.prefix));
  if (CopyBytes(message, slice.prefix_bytes, landing.place) !=
      landing.place.size()) {
    return absl::InvalidArgumentError("slice: cannot be read");
  }
  if (landing.ends) {
    events_.on_received(stream.peer(), slice.prefix.key, landing.result);
  }
  return absl::OkStatus();
}

void GrpcIncoming::Streams::OnClosed(IncomingStream& stream) {
  if (stream.peer() < 0) return;
  peers_[stream.peer()].stream = nullptr;
  events_.on_ended(stream.peer(), absl::UnavailableError("closed its link"));
}

void GrpcIncoming::Streams::OnDone(IncomingStream& stream) {
  if (stream.peer() >= 0) peers_[stream.peer()].stream = nullptr;
  // Not now: one of its handlers is on the stack.
  loop_->Post([this, &stream] {
    streams_.erase(&stream);
    MutexLock lock(mutex_);
    --count_;
    changed_.NotifyAll();
  });
}

void GrpcIncoming::Streams::Post(int peer, const MessageKey& key,
                                 std::span<std::byte> bytes) {
  peers_[peer].buffers.Post(key, bytes);
  if (peers_[peer].stream != nullptr) {
    peers_[peer].stream->SendCredit(key, bytes.size());
  } else if (!peers_[peer].met) {
    peers_[peer].credits.emplace_back(key, bytes.size());
  }
}

void GrpcIncoming::Streams::Abort(const absl::Status& reason) {
  aborted_ = absl::AbortedError(std::string(reason.message()));
  for (const auto& [stream, owned] : streams_) {
    if (stream->peer() >= 0) stream->End(aborted_);
  }
}

bool GrpcIncoming::Streams::WaitUntilEmpty(absl::Time deadline) {
  MutexLock lock(mutex_);
  while (count_ > 0) {
    if (!changed_.WaitUntil(mutex_, deadline)) return count_ == 0;
  }
  return true;
}

absl::StatusOr<std::unique_ptr<GrpcIncoming>> GrpcIncoming::Start(
    const IncomingOptions& options, const IncomingEvents& events) {
  std::unique_ptr<GrpcIncoming> incoming(new GrpcIncoming);
  incoming->streams_ = std::make_unique<Streams>(options, events);
  std::unique_ptr<grpc::ServerCompletionQueue> queue;
  auto server =
      RpcServer::Start({.address = fmt::format("{}:0", options.listen_host),
                        .tls = options.tls,
                        .message_bytes_max = kMessageBytesMax,
                        .configure =
                            [&queue](grpc::ServerBuilder& builder) {
                              queue = builder.AddCompletionQueue();
                            }},
                       {incoming->streams_->service()});
  if (!server.ok()) {
    if (queue != nullptr) GrpcEventLoop drained(std::move(queue));
    return server.status();
  }
  incoming->server_ = *std::move(server);
  grpc::ServerCompletionQueue* const calls = queue.get();
  incoming->loop_ = std::make_unique<GrpcEventLoop>(std::move(queue));
  incoming->streams_->Listen(incoming->loop_.get(), calls);
  incoming->loop_->Start();
  return incoming;
}

GrpcIncoming::~GrpcIncoming() {
  if (loop_ == nullptr) return;
  server_->Shutdown(absl::ZeroDuration());
  PENSTOCK_CHECK(streams_->WaitUntilEmpty(SteadyNow() + kEndTimeout));
  loop_->Stop();
}

void GrpcIncoming::Post(int peer, const MessageKey& key,
                        std::span<std::byte> bytes) {
  loop_->Post([streams = streams_.get(), peer, key, bytes] {
    streams->Post(peer, key, bytes);
  });
}

void GrpcIncoming::Abort(const absl::Status& reason) {
  loop_->Post([streams = streams_.get(), reason] { streams->Abort(reason); });
}

}  // namespace penstock
