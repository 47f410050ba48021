;; The least that a counter of calls can do and tell: it reads and writes one shared value and sets two response headers, and looks at
;; nothing of the call, not even at who makes it. No plugin that keeps what it counts where all workers see it asks less of the host.
(module
  (import "env" "proxy_replace_header_map_value" (func $replace_header (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_shared_data" (func $get_shared (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_shared_data" (func $set_shared (param i32 i32 i32 i32 i32) (result i32)))

  ;; What the host tells goes to 16 (where), 20 (how long) and 24 (which version).
  (memory (export "memory") 4)
  (data (i32.const 1024) "api_credits/1/default/organization/2389000")
  (data (i32.const 1072) "x-rate-limit-request-weight-v3")
  (data (i32.const 1104) "1")
  (data (i32.const 1112) "x-rate-limit-remaining-v3")
  (data (i32.const 1144) "100000099999")

  (func (export "proxy_abi_version_0_2_1"))

  ;; Whatever the host hands over replaces what it handed over before.
  (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 65536))

  ;; The value is there before the first call.
  (func (export "proxy_on_configure") (param i32 i32) (result i32)
    (drop (call $set_shared (i32.const 1024) (i32.const 42) (i32.const 4096) (i32.const 18) (i32.const 0)))
    (i32.const 1))

  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
    (drop (call $get_shared (i32.const 1024) (i32.const 42) (i32.const 16) (i32.const 20) (i32.const 24)))
    (drop (call $set_shared (i32.const 1024) (i32.const 42) (i32.const 4096) (i32.const 18) (i32.load (i32.const 24))))
    (i32.const 0))

  (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
    (drop (call $replace_header (i32.const 2) (i32.const 1072) (i32.const 30) (i32.const 1104) (i32.const 1)))
    (drop (call $replace_header (i32.const 2) (i32.const 1112) (i32.const 25) (i32.const 1144) (i32.const 12)))
    (i32.const 0))
)
