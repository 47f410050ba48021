;; A filter that logs a line at each level for every request, and the level that it is told.
(module
  (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
  (import "env" "proxy_get_log_level" (func $level (param i32) (result i32)))

  (memory (export "memory") 1)
  (data (i32.const 16) "finest")
  (data (i32.const 32) "fine")
  (data (i32.const 48) "level ?")

  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 32768))

  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
    (drop (call $log (i32.const 0) (i32.const 16) (i32.const 6)))
    (drop (call $log (i32.const 1) (i32.const 32) (i32.const 4)))
    (drop (call $level (i32.const 0)))
    (i32.store8 (i32.const 54) (i32.add (i32.const 48) (i32.load (i32.const 0))))
    (drop (call $log (i32.const 2) (i32.const 48) (i32.const 7)))
    (i32.const 0)))
