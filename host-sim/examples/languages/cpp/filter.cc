// A filter in C++: denies requests with the header x-deny, and says in every answer what it is written in.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#define IMPORT(name) __attribute__((import_module("env"), import_name(#name)))
#define EXPORT(name) extern "C" __attribute__((export_name(#name)))

IMPORT(proxy_get_header_map_value)
extern "C" uint32_t proxy_get_header_map_value(uint32_t of, const char* name, size_t length, char** value, size_t* value_length);
IMPORT(proxy_add_header_map_value)
extern "C" uint32_t proxy_add_header_map_value(uint32_t of, const char* name, size_t length, const char* value, size_t value_length);
IMPORT(proxy_send_local_response)
extern "C" uint32_t proxy_send_local_response(uint32_t status, const char* details, size_t details_length, const char* body, size_t body_length, const char* headers, size_t headers_length, int32_t grpc_status);

namespace {
constexpr uint32_t kRequestHeaders = 0;
constexpr uint32_t kResponseHeaders = 2;

bool has(std::string_view name) {
  char* value = nullptr;
  size_t length = 0;
  if (proxy_get_header_map_value(kRequestHeaders, name.data(), name.size(), &value, &length) != 0) return false;
  std::free(value);
  return true;
}
}  // namespace

EXPORT(proxy_on_memory_allocate) void* proxy_on_memory_allocate(size_t size) { return std::malloc(size); }
EXPORT(proxy_abi_version_0_2_1) void proxy_abi_version_0_2_1() {}

EXPORT(proxy_on_request_headers) uint32_t proxy_on_request_headers(uint32_t, uint32_t, uint32_t) {
  if (!has("x-deny")) return 0;
  const std::string details = "denied by C++", body = "denied\n";
  proxy_send_local_response(403, details.data(), details.size(), body.data(), body.size(), nullptr, 0, -1);
  return 1;
}

EXPORT(proxy_on_response_headers) uint32_t proxy_on_response_headers(uint32_t, uint32_t, uint32_t) {
  const std::string name = "x-language", value = "c++";
  proxy_add_header_map_value(kResponseHeaders, name.data(), name.size(), value.data(), value.size());
  return 0;
}
