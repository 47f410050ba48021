;; What the filter asks of the host for a read that it admits, and nothing in between: the same callbacks, and in them the same hostcalls
;; with values of the same sizes. What `make bench` measures of this is what any plugin pays that does as much, before its first
;; instruction. A test compares the calls with those of the filter (`tests/tests/budgets.rs`).
(module
  (import "env" "proxy_get_header_map_pairs" (func $get_pairs (param i32 i32 i32) (result i32)))
  (import "env" "proxy_get_header_map_value" (func $get_header (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_replace_header_map_value" (func $replace_header (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_shared_data" (func $get_shared (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_shared_data" (func $set_shared (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_property" (func $get_property (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_property" (func $set_property (param i32 i32 i32 i32) (result i32)))

  ;; What the host tells goes to 16 (where), 20 (how long) and 24 (which version).
  (memory (export "memory") 4)
  (data (i32.const 1024) "api_credits/1/default/organization/2389000")
  (data (i32.const 1072) ":status")
  (data (i32.const 1096) "api_credits.receipt")
  (data (i32.const 1128) "verdict=admitted cost=1 remaining=100000099999 organization=2389000 edition=Enterprise rule=\22single action\22")
  (data (i32.const 1240) "100000099999")
  (data (i32.const 1280) "1")
  (data (i32.const 1328) "x-rate-limit-request-weight-v3")
  (data (i32.const 1360) "x-rate-limit-remaining-v3")
  (data (i32.const 1392) "ratelimit")
  (data (i32.const 1408) "\"daily\";r=100000099999;t=72000")
  (data (i32.const 1440) "ratelimit-policy")
  (data (i32.const 1464) "\"daily\";q=100000100000;w=86400")

  (func (export "proxy_abi_version_0_2_1"))

  ;; Whatever the host hands over replaces what it handed over before.
  (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 65536))

  ;; The account is there before the first call.
  (func (export "proxy_on_configure") (param i32 i32) (result i32)
    (drop (call $set_shared (i32.const 1024) (i32.const 42) (i32.const 4096) (i32.const 18) (i32.const 0)))
    (i32.const 1))

  (func (export "proxy_on_context_create") (param i32 i32))

  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
    (drop (call $get_pairs (i32.const 0) (i32.const 16) (i32.const 20)))
    (drop (call $get_property (i32.const 1096) (i32.const 19) (i32.const 16) (i32.const 20)))
    (drop (call $get_shared (i32.const 1024) (i32.const 42) (i32.const 16) (i32.const 20) (i32.const 24)))
    (drop (call $set_shared (i32.const 1024) (i32.const 42) (i32.const 4096) (i32.const 30) (i32.load (i32.const 24))))
    (drop (call $set_property (i32.const 1096) (i32.const 19) (i32.const 1128) (i32.const 102)))
    (i32.const 0))

  (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
    (drop (call $get_header (i32.const 2) (i32.const 1072) (i32.const 7) (i32.const 16) (i32.const 20)))
    (drop (call $replace_header (i32.const 2) (i32.const 1328) (i32.const 30) (i32.const 1280) (i32.const 1)))
    (drop (call $replace_header (i32.const 2) (i32.const 1360) (i32.const 25) (i32.const 1240) (i32.const 12)))
    (drop (call $replace_header (i32.const 2) (i32.const 1392) (i32.const 9) (i32.const 1408) (i32.const 30)))
    (drop (call $replace_header (i32.const 2) (i32.const 1440) (i32.const 16) (i32.const 1464) (i32.const 30)))
    (i32.const 0))

  (func (export "proxy_on_delete") (param i32)
    (drop (call $get_shared (i32.const 1024) (i32.const 42) (i32.const 16) (i32.const 20) (i32.const 24)))
    (drop (call $set_shared (i32.const 1024) (i32.const 42) (i32.const 4096) (i32.const 18) (i32.load (i32.const 24)))))
)
