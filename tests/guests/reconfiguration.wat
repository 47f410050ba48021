;; Tells of every call which configuration it runs under, how often the timer of that configuration has fired since the last new
;; one, and how many configurations are alive in the VM. A configuration that begins with `!` is refused.
(module
  (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
  (import "env" "proxy_get_buffer_bytes" (func $get_buffer (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_tick_period_milliseconds" (func $tick (param i32) (result i32)))
  (import "env" "proxy_add_header_map_value" (func $add (param i32 i32 i32 i32 i32) (result i32)))

  (memory (export "memory") 16)
  (data (i32.const 1024) "x-configuration")
  (data (i32.const 1040) "x-ticks")
  (data (i32.const 1048) "x-alive")
  (data (i32.const 1056) "0123456789")

  ;; How many configurations are alive.
  (global $alive (mut i32) (i32.const 0))
  ;; Memory is never given back.
  (global $top (mut i32) (i32.const 131072))

  ;; What is known of a context: 16 bytes from 65536 on.
  ;; 0: its root context, or 0 for one; then 4 and 8: where its configuration is; 12: how often its timer has fired.
  (func $record (param $context i32) (result i32)
    (i32.add (i32.const 65536) (i32.mul (local.get $context) (i32.const 16))))

  (func (export "proxy_abi_version_0_2_1"))

  (func (export "malloc") (param $size i32) (result i32)
    (global.get $top)
    (global.set $top (i32.add (global.get $top) (local.get $size))))

  (func (export "proxy_on_context_create") (param $context i32) (param $root i32)
    (i32.store (call $record (local.get $context)) (local.get $root)))

  (func (export "proxy_on_configure") (param $root i32) (param $size i32) (result i32)
    (local $record i32) (local $context i32)
    (local.set $record (call $record (local.get $root)))
    (drop (call $get_buffer (i32.const 7) (i32.const 0) (local.get $size)
      (i32.add (local.get $record) (i32.const 4)) (i32.add (local.get $record) (i32.const 8))))
    (if (i32.eq (i32.load8_u (i32.load offset=4 (local.get $record))) (i32.const 33)) (then
      (drop (call $log (i32.const 4)
        (i32.load offset=4 (local.get $record)) (i32.load offset=8 (local.get $record))))
      (return (i32.const 0))))
    (loop $next
      (i32.store offset=12 (call $record (local.get $context)) (i32.const 0))
      (local.set $context (i32.add (local.get $context) (i32.const 1)))
      (br_if $next (i32.le_u (local.get $context) (local.get $root))))
    (global.set $alive (i32.add (global.get $alive) (i32.const 1)))
    (drop (call $tick (i32.const 20)))
    (i32.const 1))

  (func (export "proxy_on_tick") (param $root i32)
    (local $record i32)
    (local.set $record (call $record (local.get $root)))
    (i32.store offset=12 (local.get $record)
      (i32.add (i32.load offset=12 (local.get $record)) (i32.const 1))))

  (func (export "proxy_on_response_headers") (param $stream i32) (param $n i32) (param $end i32) (result i32)
    (local $root i32)
    (local.set $root (call $record (i32.load (call $record (local.get $stream)))))
    (drop (call $add (i32.const 2) (i32.const 1024) (i32.const 15)
      (i32.load offset=4 (local.get $root)) (i32.load offset=8 (local.get $root))))
    (call $add_number (i32.const 1040) (i32.const 7) (i32.load offset=12 (local.get $root)))
    (call $add_number (i32.const 1048) (i32.const 7) (global.get $alive))
    (i32.const 0))

  ;; A response header with a number of one digit, 9 for all that are larger.
  (func $add_number (param $name i32) (param $size i32) (param $number i32)
    (if (i32.gt_u (local.get $number) (i32.const 9)) (then (local.set $number (i32.const 9))))
    (drop (call $add (i32.const 2) (local.get $name) (local.get $size)
      (i32.add (i32.const 1056) (local.get $number)) (i32.const 1))))

  (func (export "proxy_on_delete") (param $context i32)
    (if (i32.eqz (i32.load (call $record (local.get $context)))) (then
      (global.set $alive (i32.sub (global.get $alive) (i32.const 1)))))))
