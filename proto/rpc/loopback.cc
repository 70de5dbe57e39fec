#include "proto/rpc/loopback.h"

#include <arpa/inet.h>

#include <string>

namespace penstock {

bool IsLoopback(std::string_view address) {
  if (address.starts_with("unix:")) return true;
  const size_t colon = address.rfind(':');
  if (colon == std::string_view::npos) return false;
  const std::string host(address.substr(0, colon));
  if (host == "localhost" || host == "[::1]") return true;
  // Not a prefix test: "127.example.org" is a name, not an address.
  in_addr ipv4;
  return inet_pton(AF_INET, host.c_str(), &ipv4) == 1 &&
         ntohl(ipv4.s_addr) >> 24 == 127;
}

}  // namespace penstock
