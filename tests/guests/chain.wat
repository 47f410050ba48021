;; A filter that writes a journal of its callbacks and does what its configuration says: the first character is its name, each of the
;; others something to do. The journal is in shared data, so filters with the same vm_id write the same one; a call for /journal is
;; answered with it. An entry is the filter's name, the callback, and for a body its size as a digit.
;;
;;   q r   answer 403 in the request headers, in the response headers     b s   the same in the bodies
;;   t u   trap in the request headers, in the response headers           T     trap in the configuration
;;   h H   pause the request, the response; the next tick resumes it      z     pause the request for good
;;   B D   buffer the request's body, the response's, then mark it        A E   mark each piece of it
;;   P     set the property `k` to the name                               K     note the property `k` in the journal
;;   R     remove the response's status
(module
  (import "env" "proxy_get_buffer_bytes" (func $get_buffer (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_buffer_bytes" (func $set_buffer (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_header_map_value" (func $get (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_add_header_map_value" (func $add (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_remove_header_map_value" (func $remove (param i32 i32 i32) (result i32)))
  (import "env" "proxy_send_local_response"
    (func $respond (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_property" (func $get_property (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_property" (func $set_property (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_shared_data" (func $get_shared (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_shared_data" (func $set_shared (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_tick_period_milliseconds" (func $tick (param i32) (result i32)))
  (import "env" "proxy_set_effective_context" (func $effective (param i32) (result i32)))
  (import "env" "proxy_continue_stream" (func $continue (param i32) (result i32)))

  (memory (export "memory") 32)
  (data (i32.const 1024) "journal")
  (data (i32.const 1040) ":path")
  (data (i32.const 1056) ":status")
  (data (i32.const 1072) "x-chain")
  (data (i32.const 1088) "k")
  (data (i32.const 1100) "rqh rqb rqt rsh rsb rst log don del ctx")
  (data (i32.const 1140) "content-length")

  ;; Which stream waits for the tick.
  (global $held (mut i32) (i32.const 0))
  ;; Memory is never given back.
  (global $top (mut i32) (i32.const 131072))

  (func (export "proxy_abi_version_0_2_1"))

  (func $malloc (export "malloc") (param $size i32) (result i32)
    (global.get $top)
    (global.set $top (i32.add (global.get $top) (local.get $size))))

  ;; The configuration of a context, sixteen bytes.
  (func $own (param $context i32) (result i32)
    (i32.add (i32.const 65536) (i32.mul (local.get $context) (i32.const 16))))

  (func $does (param $context i32) (param $what i32) (result i32)
    (local $at i32) (local $end i32)
    (local.set $at (i32.add (call $own (local.get $context)) (i32.const 1)))
    (local.set $end (i32.add (local.get $at) (i32.const 15)))
    (loop $next
      (if (i32.eq (i32.load8_u (local.get $at)) (local.get $what)) (then (return (i32.const 1))))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $at) (local.get $end))))
    (i32.const 0))

  ;; Adds bytes to the journal.
  (func $write (param $from i32) (param $size i32)
    (local $old i32) (local $new i32)
    (i32.store (i32.const 4) (i32.const 0))
    (drop (call $get_shared (i32.const 1024) (i32.const 7) (i32.const 0) (i32.const 4) (i32.const 8)))
    (local.set $old (i32.load (i32.const 4)))
    (local.set $new (call $malloc (i32.add (local.get $old) (local.get $size))))
    (memory.copy (local.get $new) (i32.load (i32.const 0)) (local.get $old))
    (memory.copy (i32.add (local.get $new) (local.get $old)) (local.get $from) (local.get $size))
    (drop (call $set_shared (i32.const 1024) (i32.const 7)
      (local.get $new) (i32.add (local.get $old) (local.get $size)) (i32.const 0))))

  ;; Notes a callback; the digit only if it is not negative.
  (func $note (param $context i32) (param $callback i32) (param $digit i32)
    (local $size i32)
    (if (i32.eqz (i32.load8_u (call $own (local.get $context)))) (then (return)))
    (i32.store8 (i32.const 32) (i32.load8_u (call $own (local.get $context))))
    (memory.copy (i32.const 33) (i32.add (i32.const 1100) (i32.mul (local.get $callback) (i32.const 4))) (i32.const 3))
    (local.set $size (i32.const 4))
    (if (i32.ge_s (local.get $digit) (i32.const 0)) (then
      (i32.store8 (i32.const 36) (i32.add (i32.const 48) (local.get $digit)))
      (local.set $size (i32.const 5))))
    (i32.store8 (i32.add (i32.const 32) (local.get $size)) (i32.const 32))
    (call $write (i32.const 32) (i32.add (local.get $size) (i32.const 1))))

  ;; Notes the property `k`, or that there is none.
  (func $note_property (param $context i32)
    (if (i32.eqz (call $does (local.get $context) (i32.const 75))) (then (return)))
    (i32.store (i32.const 40) (i32.const 0x202d3d6b))
    (if (i32.eqz (call $get_property (i32.const 1088) (i32.const 1) (i32.const 0) (i32.const 4))) (then
      (i32.store8 (i32.const 42) (i32.load8_u (i32.load (i32.const 0))))))
    (call $write (i32.const 40) (i32.const 4)))

  (func $refuse (param $context i32)
    (drop (call $respond (i32.const 403) (i32.const 0) (i32.const 0)
      (call $own (local.get $context)) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const -1))))

  (func (export "proxy_on_configure") (param $root i32) (param $size i32) (result i32)
    (drop (call $get_buffer (i32.const 7) (i32.const 0) (i32.const 16) (i32.const 0) (i32.const 4)))
    (memory.copy (call $own (local.get $root)) (i32.load (i32.const 0)) (i32.load (i32.const 4)))
    (if (call $does (local.get $root) (i32.const 84)) (then unreachable))
    (if (i32.or (call $does (local.get $root) (i32.const 104)) (call $does (local.get $root) (i32.const 72))) (then
      (drop (call $tick (i32.const 50)))))
    (i32.const 1))

  (func (export "proxy_on_tick") (param $root i32)
    (local $stream i32)
    (local.set $stream (global.get $held))
    (global.set $held (i32.const 0))
    (if (local.get $stream) (then
      (if (i32.eqz (call $effective (local.get $stream))) (then
        (drop (call $continue (call $does (local.get $root) (i32.const 72)))))))))

  (func (export "proxy_on_context_create") (param $context i32) (param $parent i32)
    (if (local.get $parent) (then
      (memory.copy (call $own (local.get $context)) (call $own (local.get $parent)) (i32.const 16))
      (call $note (local.get $context) (i32.const 9) (i32.const -1)))))

  (func (export "proxy_on_request_headers") (param $stream i32) (param $n i32) (param $end i32) (result i32)
    (drop (call $get (i32.const 0) (i32.const 1040) (i32.const 5) (i32.const 0) (i32.const 4)))
    (if (i32.eq (i32.load (i32.const 4)) (i32.const 8)) (then
      ;; This is the call for the journal.
      (memory.fill (call $own (local.get $stream)) (i32.const 0) (i32.const 16))
      (i32.store (i32.const 4) (i32.const 0))
      (drop (call $get_shared (i32.const 1024) (i32.const 7) (i32.const 0) (i32.const 4) (i32.const 8)))
      (drop (call $respond (i32.const 200) (i32.const 0) (i32.const 0)
        (i32.load (i32.const 0)) (i32.load (i32.const 4)) (i32.const 0) (i32.const 0) (i32.const -1)))
      (return (i32.const 1))))
    (call $note (local.get $stream) (i32.const 0) (i32.const -1))
    (call $note_property (local.get $stream))
    (drop (call $add (i32.const 0) (i32.const 1072) (i32.const 7) (call $own (local.get $stream)) (i32.const 1)))
    (if (i32.or (call $does (local.get $stream) (i32.const 66)) (call $does (local.get $stream) (i32.const 65))) (then
      (drop (call $remove (i32.const 0) (i32.const 1140) (i32.const 14)))))
    (if (call $does (local.get $stream) (i32.const 80)) (then
      (drop (call $set_property (i32.const 1088) (i32.const 1) (call $own (local.get $stream)) (i32.const 1)))))
    (if (call $does (local.get $stream) (i32.const 116)) (then unreachable))
    (if (call $does (local.get $stream) (i32.const 113)) (then
      (call $refuse (local.get $stream))
      (return (i32.const 1))))
    (if (call $does (local.get $stream) (i32.const 104)) (then
      (global.set $held (local.get $stream))
      (return (i32.const 1))))
    (call $does (local.get $stream) (i32.const 122)))

  (func $body (param $stream i32) (param $size i32) (param $end i32)
      (param $of i32) (param $refuses i32) (param $buffers i32) (param $marks i32) (result i32)
    (if (call $does (local.get $stream) (local.get $refuses)) (then
      (call $refuse (local.get $stream))
      (return (i32.const 1))))
    (if (call $does (local.get $stream) (local.get $buffers)) (then
      (if (i32.eqz (local.get $end)) (then (return (i32.const 1))))
      (drop (call $set_buffer (local.get $of) (i32.const 0) (i32.const 0) (call $own (local.get $stream)) (i32.const 1)))
      (return (i32.const 0))))
    (if (call $does (local.get $stream) (local.get $marks)) (then
      (drop (call $set_buffer (local.get $of) (i32.const 0) (i32.const 0) (call $own (local.get $stream)) (i32.const 1)))))
    (i32.const 0))

  (func (export "proxy_on_request_body") (param $stream i32) (param $size i32) (param $end i32) (result i32)
    (call $note (local.get $stream) (i32.const 1) (local.get $size))
    (call $body (local.get $stream) (local.get $size) (local.get $end)
      (i32.const 0) (i32.const 98) (i32.const 66) (i32.const 65)))

  (func (export "proxy_on_request_trailers") (param $stream i32) (param $n i32) (result i32)
    (call $note (local.get $stream) (i32.const 2) (i32.const -1))
    (i32.const 0))

  (func (export "proxy_on_response_headers") (param $stream i32) (param $n i32) (param $end i32) (result i32)
    (if (i32.eqz (i32.load8_u (call $own (local.get $stream)))) (then (return (i32.const 0))))
    (call $note (local.get $stream) (i32.const 3) (i32.const -1))
    (call $note_property (local.get $stream))
    (drop (call $add (i32.const 2) (i32.const 1072) (i32.const 7) (call $own (local.get $stream)) (i32.const 1)))
    (if (i32.or (call $does (local.get $stream) (i32.const 68)) (call $does (local.get $stream) (i32.const 69))) (then
      (drop (call $remove (i32.const 2) (i32.const 1140) (i32.const 14)))))
    (if (call $does (local.get $stream) (i32.const 117)) (then unreachable))
    (if (call $does (local.get $stream) (i32.const 82)) (then
      (drop (call $remove (i32.const 2) (i32.const 1056) (i32.const 7)))))
    (if (call $does (local.get $stream) (i32.const 114)) (then
      (call $refuse (local.get $stream))
      (return (i32.const 1))))
    (if (call $does (local.get $stream) (i32.const 72)) (then
      (global.set $held (local.get $stream))
      (return (i32.const 1))))
    (i32.const 0))

  (func (export "proxy_on_response_body") (param $stream i32) (param $size i32) (param $end i32) (result i32)
    (call $note (local.get $stream) (i32.const 4) (local.get $size))
    (call $body (local.get $stream) (local.get $size) (local.get $end)
      (i32.const 1) (i32.const 115) (i32.const 68) (i32.const 69)))

  (func (export "proxy_on_response_trailers") (param $stream i32) (param $n i32) (result i32)
    (call $note (local.get $stream) (i32.const 5) (i32.const -1))
    (i32.const 0))

  ;; With the first digit of the status that the client got, or `!` without one.
  (func (export "proxy_on_log") (param $stream i32)
    (i32.store8 offset=48 (i32.const 0) (i32.const 33))
    (if (i32.eqz (call $get (i32.const 2) (i32.const 1056) (i32.const 7) (i32.const 0) (i32.const 4))) (then
      (i32.store8 offset=48 (i32.const 0) (i32.load8_u (i32.load (i32.const 0))))))
    (call $note (local.get $stream) (i32.const 6) (i32.sub (i32.load8_u offset=48 (i32.const 0)) (i32.const 48))))

  (func (export "proxy_on_done") (param $stream i32) (result i32)
    (call $note (local.get $stream) (i32.const 7) (i32.const -1))
    (i32.const 1))

  (func (export "proxy_on_delete") (param $stream i32)
    (call $note (local.get $stream) (i32.const 8) (i32.const -1))))
